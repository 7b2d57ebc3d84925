using System.Runtime;
using System.Runtime.InteropServices;
using Pocketgres.Engine.Data;

namespace Pocketgres.Server;

/// <summary>
/// Gives memory back to the system after a crowd of sessions has left: the garbage collector has no reason to look (the heap is small),
/// and the C library keeps what the just-in-time compiler and ended threads have freed. The compiler's part, 15 to 30 MB after the code got hot, also goes
/// when nobody leaves: once the compiler rests, or, on a small machine, while it works. Costs nothing else while nobody comes or goes.
/// </summary>
/// <remarks>A host of many clusters looks after the C library's memory only: a collection would stop the sessions of all of them.</remarks>
internal sealed partial class MemoryTrimmer : IDisposable
{
    private const int CrowdSize = 32;
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1);

    // What the crowd made hot is compiled for seconds after it left, and the compiler's memory is free only then.
    private static readonly TimeSpan s_compiled = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan s_compilerInterval = TimeSpan.FromSeconds(10);

    private readonly bool _collects;
    private readonly Timer _timer;
    private readonly Timer _compilerTimer;
    private long _compiledAtLastLook;
    private long _compiledAtLastTrim;
    private int _gone;
    private int _goneAtLastLook;
    private bool _again;

    /// <param name="collects">Whether to collect garbage too.</param>
    public MemoryTrimmer(bool collects = true)
    {
        _collects = collects;
        _ = mallopt(-8, 2);
        _timer = new Timer(static t => ((MemoryTrimmer)t!).Trim(), this, Timeout.Infinite, Timeout.Infinite);
        _compilerTimer = new Timer(static t => ((MemoryTrimmer)t!).LookAtCompiler(), this, s_compilerInterval, s_compilerInterval);
    }

    /// <summary>One more process, or what has cost memory as one does, has ended. Any thread.</summary>
    public void ProcessGone()
    {
        // This one arms the timer, which is put off while processes keep leaving: the last ones count too.
        if (Interlocked.Increment(ref _gone) == CrowdSize)
        {
            Arm(s_quiet);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer.Dispose();
        _compilerTimer.Dispose();
    }

    private void LookAtCompiler()
    {
        long compiled = JitInfo.GetCompiledMethodCount();
        bool rests = compiled == _compiledAtLastLook;
        _compiledAtLastLook = compiled;
        if (compiled != _compiledAtLastTrim && (rests || MachineSettings.IsSmall))
        {
            _compiledAtLastTrim = compiled;
            TrimHeap();
        }
    }

    private void Trim()
    {
        int gone = Volatile.Read(ref _gone);
        if (gone != _goneAtLastLook)
        {
            _goneAtLastLook = gone;
            _again = true;
            Arm(s_quiet);
            return;
        }

        _goneAtLastLook = 0;
        if (_collects)
        {
            Collect();
            GC.WaitForPendingFinalizers(); // ended threads free their native part there
            Collect(); // and only now are they garbage themselves
        }

        TrimHeap();

        // Those who left meanwhile are a new crowd when they are many.
        if (Interlocked.Add(ref _gone, -gone) >= CrowdSize)
        {
            Arm(s_quiet);
        }
        else if (_again)
        {
            _again = false;
            Arm(s_compiled);
        }
    }

    private static void TrimHeap()
    {
        try
        {
            _ = malloc_trim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc: other C libraries give memory back by themselves or not at all.
        }
    }

    private static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

    private void Arm(TimeSpan after)
    {
        try
        {
            _timer.Change(after, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The server has stopped: its memory goes with it.
        }
    }

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);

    [LibraryImport("libc")]
    private static partial int malloc_trim(nuint pad);
}
