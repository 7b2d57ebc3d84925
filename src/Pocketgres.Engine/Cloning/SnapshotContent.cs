using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Cloning;

/// <summary>What snapshots of the same moment share. Counted references, any thread.</summary>
internal sealed class SnapshotContent
{
    private readonly MemoryFileSystem? _files;
    private int _references;

    /// <summary>A snapshot with memory.</summary>
    public SnapshotContent(KernelSnapshot kernel, EngineFiles engine, string dataDirectory, IReadOnlyDictionary<int, int> loops, CloneCounts counts)
    {
        Counts = counts;
        Kernel = kernel;
        Engine = engine;
        DataDirectory = dataDirectory;
        Loops = loops;
    }

    /// <summary>A snapshot of files only, as a power cut would leave them; takes them over.</summary>
    public SnapshotContent(MemoryFileSystem files, EngineFiles engine, string dataDirectory, string limitation, CloneCounts counts)
    {
        Counts = counts;
        _files = files;
        Engine = engine;
        DataDirectory = dataDirectory;
        Loops = new Dictionary<int, int>();
        Limitation = limitation;
    }

    /// <summary>Where the source counts its clones.</summary>
    public CloneCounts Counts { get; }

    /// <summary>Processes and files, or null.</summary>
    public KernelSnapshot? Kernel { get; }

    /// <summary>The engine of the source.</summary>
    public EngineFiles Engine { get; }

    /// <summary>Where the source's processes see the data directory.</summary>
    public string DataDirectory { get; }

    /// <summary>The main loop each process is in, by process id (<see cref="MainLoops.Of"/>).</summary>
    public IReadOnlyDictionary<int, int> Loops { get; }

    /// <summary>Why there are only files.</summary>
    public string? Limitation { get; }

    /// <summary>A copy of the data directory as a power cut would leave it; the caller owns it.</summary>
    public MemoryFileSystem CopyFiles() =>
        Kernel?.CopyFiles(DataDirectory) ?? _files!.Clone();

    /// <summary>Adds a reference.</summary>
    public SnapshotContent AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Drops one; the last frees it.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Kernel?.Dispose();
            _files?.Dispose();
        }
    }
}
