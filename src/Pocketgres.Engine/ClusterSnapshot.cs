using Pocketgres.Engine.Cloning;

namespace Pocketgres.Engine;

/// <summary>
/// A cluster at one moment, from which any number of clones can be started (<see cref="PostgresCluster.StartCloneAsync"/>). It is immutable and
/// independent of its source, which may go on or stop. Thread-safe.
/// </summary>
public sealed class ClusterSnapshot : IDisposable
{
    private readonly SnapshotContent _content;
    private int _disposed;

    internal ClusterSnapshot(SnapshotContent content) => _content = content.AddReference();

    /// <summary>
    /// True when clones go on from the source's memory, in about a millisecond. False when it holds files only, as a power cut would have left
    /// them: then a clone starts as any server does, with crash recovery.
    /// </summary>
    public bool HasMemory => _content.Kernel is not null;

    /// <summary>Why it holds files only; null when it has memory.</summary>
    public string? Limitation => _content.Limitation;

    /// <summary>Bytes of memory copied for it; files are shared with source and clones until somebody writes.</summary>
    public long MemoryBytes => _content.Kernel?.MemoryBytes ?? 0;

    /// <summary>The files of a cluster that has ended, which are taken over.</summary>
    internal static ClusterSnapshot OfFiles(Kernel.Files.MemoryFileSystem files, EngineFiles engine) =>
        new(new SnapshotContent(files, engine, Data.Initdb.DataDirectory, "the server had ended", new CloneCounts()));

    internal SnapshotContent Content
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            return _content;
        }
    }

    /// <summary>Gives it up. Clones made from it are not affected; what they still use stays.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _content.Release();
        }
    }
}
