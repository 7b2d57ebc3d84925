using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel;

/// <content>Snapshots, and kernels that start from one.</content>
public sealed partial class PosixKernel
{
    private KernelSnapshot? _origin;

    /// <summary>What a process of a clone does when it is thawed.</summary>
    /// <param name="Tag">Its <see cref="Process.Tag"/>.</param>
    /// <param name="Body">What it goes on with; ends by returning or by <see cref="ExitException"/>.</param>
    public sealed record Revival(object? Tag, Action<Process> Body);

    private SharedMemory[] _segments = [];
    private volatile bool _isAbandoned;
    private AddressSpace? _firstSpace;

    /// <summary>Whether <see cref="Abandon"/> was called.</summary>
    internal bool IsAbandoned => _isAbandoned;

    /// <summary>
    /// Says that this kernel is about to be disposed and that nobody will miss what its processes would still do: frozen ones stay frozen, and memory
    /// is not kept for them. Any thread.
    /// </summary>
    public void Abandon() => _isAbandoned = true;

    /// <summary>
    /// A process of a clone that is given up ends. The first one's space stays until the others have ended: so the clone's copy-on-write pages, which move
    /// from who ends to who is left, are in the first one's space at last, and with the next clone that uses it again where they are needed first. Under the
    /// kernel's lock; the kernel frees the memory when this returns true.
    /// </summary>
    internal bool TakesOver(Process process, AddressSpace memory)
    {
        if (!_isAbandoned || Cloned is null || process.ParentPid != 0 || !AreOthersMapped(process))
        {
            return false;
        }

        _firstSpace = memory;
        return true;
    }

    private bool AreOthersMapped(Process process)
    {
        foreach (var p in Processes.Snapshot())
        {
            if (p != process && p.MappedSpace is not null)
            {
                return true;
            }
        }

        return false;
    }

    // All processes have ended.
    private void FreeFirstSpace()
    {
        if (_firstSpace is { } space)
        {
            space.LeaveShared();
            space.Dispose();
            _firstSpace = null;
        }
    }

    /// <summary>In a clone: the copy-on-write shared memory.</summary>
    internal ClonedMemory? Cloned { get; private set; }

    /// <summary>In a clone: shared memory by its number in the snapshot.</summary>
    internal SharedMemory Segment(int number) => _segments[number];

    /// <summary>
    /// Takes a snapshot while all processes are stopped, if their states allow it: none may be in the middle of a host call, or compute without coming to a preemption point.
    /// </summary>
    /// <param name="decide">Asked, under the kernel's lock, for each process that waits or was preempted.</param>
    /// <param name="obstacle">Why there is none: whether it is worth trying again.</param>
    /// <param name="reason">What stood in the way, for messages.</param>
    /// <returns>The snapshot, or null.</returns>
    /// <exception cref="HostResourceException">The host refuses memory or descriptors.</exception>
    public KernelSnapshot? TrySnapshot(Func<Process, SnapshotDecision> decide, out SnapshotDecision obstacle, out string reason)
    {
        ArgumentNullException.ThrowIfNull(decide);
        var (snapshot, what, why) = RunStopped(() => (KernelSnapshot.TryTake(this, decide, out var o, out string r), o, r));
        obstacle = what;
        reason = why;
        return snapshot;
    }

    /// <summary>
    /// A kernel whose processes go on where those of a snapshot were. All are frozen (<see cref="Process.Thaw"/>); memory and files are
    /// copy-on-write. What the clone has of its own: descriptors, pipes, timers, and the sockets it listens on.
    /// </summary>
    /// <param name="snapshot">The snapshot; it may be disposed afterwards.</param>
    /// <param name="options">Settings.</param>
    /// <param name="mount">Gives the file system to mount in place of one that is no memory file system, by mount point and the source's.</param>
    /// <param name="revive">Says what each process does.</param>
    /// <param name="listeners">Descriptors of the host: duplicates of them take the places of the source's listening sockets in the order of its descriptors; those left over do not listen.</param>
    /// <exception cref="HostResourceException">The host refuses descriptors.</exception>
    public static PosixKernel FromSnapshot(KernelSnapshot snapshot, KernelOptions options, Func<string, IFileSystem, IFileSystem> mount,
        Func<PosixKernel, ProcessSnapshot, Revival> revive, IReadOnlyList<int> listeners)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(mount);
        ArgumentNullException.ThrowIfNull(revive);
        ArgumentNullException.ThrowIfNull(listeners);
        var mounts = new MountTable();
        var byMount = new List<IFileSystem>();
        snapshot.AddReference();
        PosixKernel? kernel = null;
        try
        {
            foreach (var (prefix, fileSystem) in snapshot.Files.Mounts)
            {
                byMount.Add(fileSystem is MemoryFileSystem frozen ? frozen.CloneFrozen() : mount(prefix, fileSystem));
                mounts.Mount(prefix, byMount[^1]);
            }

            kernel = new PosixKernel(options, mounts) { _origin = snapshot };
            kernel.RestoreSegments(snapshot, byMount);

            var files = new CloneFiles(mounts, byMount, [.. listeners.Select(Duplicate)]);
            try
            {
                foreach (var p in snapshot.Processes)
                {
                    var (tag, body) = revive(kernel, p);
                    kernel.Processes.Add(new Process(kernel, p, files.Table(p.Descriptors), tag, body));
                }
            }
            finally
            {
                files.Complete();
            }

            kernel.Processes.ContinueAt(snapshot.NextPid);
            return kernel;
        }
        catch
        {
            if (kernel is null)
            {
                mounts.Dispose();
                snapshot.Release();
            }
            else
            {
                kernel.Dispose();
            }

            throw;
        }
    }

    // The biggest segment that every process has at one address is copy-on-write. The others (Postgres has a small one) are copied.
    private void RestoreSegments(KernelSnapshot snapshot, IReadOnlyList<IFileSystem> mounts)
    {
        var lazy = snapshot.Segments.Where(s => s.Address is not null).MaxBy(s => s.Length);
        foreach (var segment in snapshot.Segments)
        {
            var memory = segment.Restore(mounts, segment == lazy, () => !IsAbandoned && Processes.AnyFrozen());
            _segments = [.. _segments, memory.AddReference()]; // a frozen process may need it when no other has it any more
            Cloned = memory as ClonedMemory ?? Cloned;
        }
    }

    private void ReleaseSegments()
    {
        foreach (var memory in _segments)
        {
            memory.Release();
        }

        _segments = [];
        Cloned = null;
    }

    private static int Duplicate(int listener)
    {
        int fd = Libc.fcntl(listener, Libc.DuplicateCloseOnExec, 0);
        int flags = fd < 0 ? -1 : Libc.fcntl(fd, Libc.GetStatusFlags, 0);
        return flags >= 0 && Libc.fcntl(fd, Libc.SetStatusFlags, flags | Libc.SockNonBlocking) == 0
            ? fd
            : throw new HostResourceException("cannot duplicate a socket's descriptor; check ulimit -n", HostErrno.Last());
    }
}
