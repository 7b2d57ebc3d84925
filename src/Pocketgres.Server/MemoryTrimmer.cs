using System.Runtime.InteropServices;

namespace Pocketgres.Server;

/// <summary>
/// Gives memory back to the system after a crowd of sessions has left: the garbage collector has no reason to look (the heap is small),
/// and the C library keeps what the just-in-time compiler and ended threads have freed. Costs nothing while nobody comes or goes.
/// </summary>
internal sealed partial class MemoryTrimmer : IDisposable
{
    private const int CrowdSize = 32;
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1);

    private readonly Timer _timer;
    private int _gone;

    public MemoryTrimmer() => _timer = new Timer(static t => ((MemoryTrimmer)t!).Trim(), this, Timeout.Infinite, Timeout.Infinite);

    /// <summary>One more process has ended. Any thread.</summary>
    public void ProcessGone()
    {
        // The first arms the timer; it looks again while processes keep leaving.
        if (Interlocked.Increment(ref _gone) == CrowdSize)
        {
            Arm();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Trim()
    {
        int gone = Volatile.Read(ref _gone);
        Collect();
        GC.WaitForPendingFinalizers(); // ended threads free their native part there
        Collect(); // and only now are they garbage themselves
        try
        {
            _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc: other C libraries give memory back by themselves or not at all.
        }

        // Those who left meanwhile are a new crowd when they are many.
        if (Interlocked.Add(ref _gone, -gone) >= CrowdSize)
        {
            Arm();
        }
    }

    private static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

    private void Arm()
    {
        try
        {
            _timer.Change(s_quiet, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The server has stopped: its memory goes with it.
        }
    }

    [LibraryImport("libc")]
    private static partial int malloc_trim(nuint pad);
}
