using System.Diagnostics;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;

namespace Pocketgres.Kernel;

/// <content>
/// Snapshots of a process, and the frozen processes of a clone: they have a place in the process table, descriptors and signals, but no thread
/// and no memory until a signal or the host wakes them (<see cref="Thaw"/>). What time they wait for may pass: a scheduler owes nobody
/// punctuality, and whoever runs the kernel decides when a frozen process is late.
/// </content>
public sealed unsafe partial class Process
{
    private ProcessSnapshot? _frozen;
    private int _thawing; // 1 once somebody has thawed or discarded it
    private bool _isThawed;
    private long _waitDeadline; // Stopwatch time at which the current wait ends; long.MaxValue: never

    internal Process(PosixKernel kernel, ProcessSnapshot snapshot, FileDescriptorTable files, object? tag, Action<Process> body)
    {
        Kernel = kernel;
        Pid = snapshot.Pid;
        ParentPid = snapshot.ParentPid;
        Program = snapshot.Program;
        Title = snapshot.Title;
        Environment = snapshot.Environment;
        WorkingDirectory = snapshot.WorkingDirectory;
        Umask = snapshot.Umask;
        Files = files;
        Tag = tag;
        State = ProcessState.Frozen;
        _body = body;
        _frozen = snapshot;
        _pendingSignals = snapshot.PendingSignals;
        _semaphore = snapshot.Semaphore;
        _waitDeadline = snapshot.WaitLeft < 0 ? long.MaxValue : Stopwatch.GetTimestamp() + snapshot.WaitLeft;
        if (snapshot.AlarmMilliseconds > 0)
        {
            SetAlarm(snapshot.AlarmMilliseconds);
        }
    }

    /// <summary>True while nothing has woken this process of a clone. Any thread.</summary>
    public bool IsFrozen => Volatile.Read(ref _frozen) is not null && Volatile.Read(ref _thawing) == 0;

    /// <summary>True when the time that a frozen process waits for is over. Any thread.</summary>
    public bool IsOverdue => IsFrozen && Stopwatch.GetTimestamp() >= _waitDeadline;

    /// <summary>
    /// Gives a frozen process its thread and memory, from which it goes on with what its clone was told it does. Nothing for others. Any thread.
    /// </summary>
    public void Thaw()
    {
        if (Volatile.Read(ref _frozen) is null || Kernel.IsAbandoned || Interlocked.Exchange(ref _thawing, 1) != 0)
        {
            return;
        }

        StartThread();
    }

    /// <summary>
    /// For a thread of the host that looks at a process's memory under the kernel's lock (<see cref="PosixKernel.TrySnapshot"/>): makes shared memory
    /// visible in it, which in a clone only the process that runs can see. False for a frozen process.
    /// </summary>
    public bool ShowSharedMemory()
    {
        if (_memory is not { } memory)
        {
            return false;
        }

        Kernel.Cloned?.GiveTo(memory);
        return true;
    }

    /// <summary>Reads an int of a process's private memory, frozen or not. Under the kernel's lock.</summary>
    public int ReadInt32(int address)
    {
        if (_memory is { } memory)
        {
            return *(int*)(memory.Base + (uint)address);
        }

        int value = 0;
        _frozen?.Memory.Read(address, &value, sizeof(int));
        return value;
    }

    /// <summary>Ends a frozen process that nobody will wake, without thawing it. Under the kernel's lock. False when it is not frozen.</summary>
    internal bool TryDiscard(int status)
    {
        if (_frozen is null || Interlocked.Exchange(ref _thawing, 1) != 0)
        {
            return false;
        }

        _frozen = null;
        ExitStatus = status;
        State = ProcessState.Ended;
        _alarm?.Dispose();
        Files.CloseAll();
        Volatile.Write(ref _exited, true);
        Kernel.Processes.Exited(this);
        _exitedSource.SetResult(status);
        Kernel.Processes.Gone(this);
        return true;
    }

    /// <summary>Shared memory that the process maps, or will when it is thawed. Under the kernel's lock.</summary>
    internal IReadOnlyList<AddressSpace.SharedMapping> SharedMappings => _memory?.SharedMappings ?? _frozen?.Memory.SharedMappings(Kernel) ?? [];

    /// <summary>Copies the process. Under the kernel's lock; null when one of its descriptors cannot be copied.</summary>
    internal ProcessSnapshot? Capture(SnapshotFiles files, List<SharedMemory> segments)
    {
        var descriptors = new List<DescriptorSnapshot>();
        foreach (var (fd, file) in Files.OpenDescriptors())
        {
            if (files.Capture(file) is not { } captured)
            {
                return null;
            }

            descriptors.Add(new DescriptorSnapshot(fd, captured, Files.IsCloseOnExec(fd)));
        }

        return new ProcessSnapshot
        {
            Pid = Pid,
            ParentPid = ParentPid,
            Title = Title,
            Program = Program,
            Environment = Environment,
            WorkingDirectory = WorkingDirectory,
            Umask = Umask,
            Descriptors = descriptors,
            PendingSignals = Volatile.Read(ref _pendingSignals),
            Semaphore = _semaphore,
            AlarmMilliseconds = _alarm?.Left ?? 0,
            WaitLeft = _waitDeadline == long.MaxValue ? -1 : Math.Max(0, _waitDeadline - Stopwatch.GetTimestamp()),
            Tag = Tag,
            Memory = _frozen is { } frozen && _memory is null ? frozen.Memory.CopyFor(Kernel, segments) : ProcessMemory.Capture(this, segments),
        };
    }

    // On the process's own thread, with the lock.
    private void Unfreeze()
    {
        if (_frozen is not { } frozen)
        {
            return;
        }

        var memory = frozen.Memory.Map(Kernel);
        try
        {
            Attach(memory);
        }
        catch
        {
            memory.LeaveShared();
            memory.Dispose();
            throw;
        }

        _isThawed = true;
        Linker = frozen.Memory.Linker.CopyFor(this);
        Volatile.Write(ref _frozen, null);
        Kernel.Cloned?.GiveTo(memory);
        if (HasPendingSignals)
        {
            RequestReschedule(); // what was requested while there was no memory
        }
    }
}
