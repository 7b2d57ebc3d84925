using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel;

/// <summary>What becomes of a process of the source in a snapshot.</summary>
public enum SnapshotDecision
{
    /// <summary>It is in the snapshot.</summary>
    Include,

    /// <summary>It is in a state that cannot be copied, but will not stay in it: try again soon.</summary>
    NotNow,

    /// <summary>It is something that cannot be copied.</summary>
    Never,
}

/// <summary>
/// A copy of a kernel at one moment: processes with their memories, shared memory, files. Immutable; any number of kernels can start from it
/// (<see cref="PosixKernel.FromSnapshot"/>), each copy-on-write. Thread-safe.
/// </summary>
/// <remarks>
/// Limits: the content of mounts that are no memory file systems is not copied but seen by source and clone alike; connections are broken in the
/// clone.
/// </remarks>
public sealed class KernelSnapshot : IDisposable
{
    private readonly SnapshotFiles _files;
    private readonly List<ProcessSnapshot> _processes = [];
    private readonly List<SegmentSnapshot> _segments = [];
    private int _references = 1;
    private int _disposed;

    private KernelSnapshot(SnapshotFiles files) => _files = files;

    /// <summary>Its processes, by id.</summary>
    public IReadOnlyList<ProcessSnapshot> Processes => _processes;

    /// <summary>Bytes of the copied memory: private pages of all processes, and shared ones. Files are shared with the source until written.</summary>
    public long MemoryBytes => _processes.Sum(p => p.Memory.ContentBytes) + _segments.Sum(s => s.Image?.ContentBytes ?? 0);

    /// <summary>Listening sockets that a clone can replace.</summary>
    public int ListeningSockets => _processes.SelectMany(p => p.Descriptors).Select(d => d.File).Distinct().Count(f => f is SocketSnapshot { Listens: true });

    internal int NextPid { get; private init; }

    internal SnapshotFiles Files => _files;

    /// <summary>Shared memory.</summary>
    internal IReadOnlyList<SegmentSnapshot> Segments => _segments;

    /// <summary>A copy of the memory file system mounted at <paramref name="mountPoint"/>, which the caller owns.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public MemoryFileSystem CopyFiles(string mountPoint) => _files.Mounts.FirstOrDefault(m => m.Prefix == mountPoint).FileSystem is MemoryFileSystem files
        ? files.CloneFrozen()
        : throw new ArgumentException($"no memory file system is mounted at {mountPoint}", nameof(mountPoint));

    /// <summary>Gives it up; its memory goes with the last clone made from it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Release();
        }
    }

    /// <summary>Counts one more kernel that depends on it.</summary>
    /// <exception cref="ObjectDisposedException">It was given up.</exception>
    internal KernelSnapshot AddReference()
    {
        int references;
        do
        {
            references = Volatile.Read(ref _references);
            ObjectDisposedException.ThrowIf(references == 0 || Volatile.Read(ref _disposed) != 0, this);
        }
        while (Interlocked.CompareExchange(ref _references, references + 1, references) != references);
        return this;
    }

    /// <summary>Takes back <see cref="AddReference"/>.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            _processes.ForEach(p => p.Memory.Release());
            _segments.ForEach(s => s.Image?.Release());
            _files.Dispose();
        }
    }

    /// <summary>Takes a snapshot, if the processes allow it now. Under the kernel's lock, on a thread that is no process.</summary>
    internal static KernelSnapshot? TryTake(PosixKernel kernel, Func<Process, SnapshotDecision> decide, out SnapshotDecision obstacle, out string reason)
    {
        obstacle = SnapshotDecision.Include;
        reason = "";
        var processes = kernel.Processes.Snapshot();
        foreach (var p in processes)
        {
            var decision = p.State is ProcessState.Starting or ProcessState.Running or ProcessState.HostCall ? SnapshotDecision.NotNow
                : p.State == ProcessState.Ended ? SnapshotDecision.NotNow // the parent has not waited for it yet
                : decide(p);
            if (decision != SnapshotDecision.Include)
            {
                obstacle = decision;
                reason = $"process {p.Pid} ({p.Title}, {p.State})";
                return null;
            }
        }

        var snapshot = new KernelSnapshot(new SnapshotFiles(kernel.FileSystem)) { NextPid = kernel.Processes.PeekNextPid() };
        try
        {
            var mappings = processes.SelectMany(p => p.SharedMappings).ToList();
            var segments = mappings.Select(s => s.Memory).Distinct().ToList();
            foreach (var memory in segments)
            {
                snapshot._segments.Add(SegmentSnapshot.Take(memory, [.. mappings.Where(m => m.Memory == memory)], processes, snapshot._files));
            }

            foreach (var p in processes)
            {
                if (p.Capture(snapshot._files, segments) is not { } captured)
                {
                    obstacle = SnapshotDecision.Never;
                    reason = $"a file that process {p.Pid} ({p.Title}) has open";
                    snapshot.Dispose();
                    return null;
                }

                snapshot._processes.Add(captured);
            }

            snapshot._files.Complete();
            return snapshot;
        }
        catch
        {
            snapshot.Dispose();
            throw;
        }
    }
}
