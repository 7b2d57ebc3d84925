using System.Diagnostics;

namespace Pocketgres.Engine.Cloning;

/// <summary>Counts a cluster's snapshots and the clones that start from them. Any thread.</summary>
internal sealed class CloneCounts
{
    private long _snapshots, _snapshotsOfFiles, _snapshotTicks, _started, _running, _startTicks;

    /// <summary>Snapshots, and those without memory.</summary>
    public (long All, long OfFiles, TimeSpan Time) Snapshots => (Volatile.Read(ref _snapshots), Volatile.Read(ref _snapshotsOfFiles), Stopwatch.GetElapsedTime(0, Volatile.Read(ref _snapshotTicks)));

    /// <summary>Clones that were started, and those that run.</summary>
    public (long Started, long Running, TimeSpan Time) Clones => (Volatile.Read(ref _started), Volatile.Read(ref _running), Stopwatch.GetElapsedTime(0, Volatile.Read(ref _startTicks)));

    /// <summary>Notes a snapshot.</summary>
    /// <param name="start">When it was begun, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="hasMemory">Whether it has more than files.</param>
    public void AddSnapshot(long start, bool hasMemory)
    {
        Interlocked.Add(ref _snapshotTicks, Stopwatch.GetTimestamp() - start);
        Interlocked.Increment(ref _snapshots);
        _ = hasMemory ? 0 : Interlocked.Increment(ref _snapshotsOfFiles);
    }

    /// <summary>Notes a clone that has started, and its end when that comes.</summary>
    /// <param name="start">When it was begun, by <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="end">Completes with its end.</param>
    public void AddClone(long start, Task end)
    {
        Interlocked.Add(ref _startTicks, Stopwatch.GetTimestamp() - start);
        Interlocked.Increment(ref _started);
        Interlocked.Increment(ref _running);
        _ = end.ContinueWith(_ => Interlocked.Decrement(ref _running), TaskScheduler.Default);
    }
}
