using System.Net.Sockets;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>
/// One kernel: processes, the lock around what they share, mounted file systems. It has no static state, so any number can live in one .NET process.
/// </summary>
public sealed partial class PosixKernel : IDisposable
{
    private int _disposed;
    private bool _holdsWrites; // written under the lock

    /// <summary>Creates a kernel without processes.</summary>
    public PosixKernel(KernelOptions options, MountTable fileSystem)
    {
        Options = options;
        FileSystem = fileSystem;
        Processes = new ProcessTable(options.FirstPid, options.MaximumPid);
        Threads = options.Threads ?? new ProcessThreads(options.StackSize);
        Reminder = new SignalReminder(Processes);
    }

    /// <summary>Settings.</summary>
    public KernelOptions Options { get; }

    /// <summary>The mounted file systems.</summary>
    public MountTable FileSystem { get; }

    /// <summary>The processes.</summary>
    public ProcessTable Processes { get; }

    /// <summary>Sockets that the host has bound already and that bind(2) finds by address ("socket activation").</summary>
    public InheritedSockets InheritedSockets { get; } = new();

    /// <summary>How often a process gave up the kernel's lock because others waited.</summary>
    public long Preemptions => Lock.Yields;

    /// <summary>How often a process, or a thread of the host, slept until the kernel's lock was free.</summary>
    public long LockWaits => Lock.Sleeps;

    /// <summary>Linear memories of this .NET process's processes, of all kernels.</summary>
    public static int AddressSpaces => AddressArena.InUse;

    /// <summary>
    /// One process at a time runs: because it is asked for (<see cref="KernelOptions.OneAtATime"/>), in a clone whose shared memory only one process at a time can see
    /// (<see cref="ClonedMemory"/>), or since a process has threads. Then the kernel's lock is held by translated code too.
    /// </summary>
    internal bool IsExclusive => Options.OneAtATime || HasThreads || Cloned is { IsShared: false };

    /// <summary>Whether a process ever had threads. Written under the lock.</summary>
    internal bool HasThreads { get; set; }

    internal KernelLock Lock { get; } = new();

    internal WorldStop World { get; } = new();

    internal RunningProcesses Running { get; } = new();

    internal SignalReminder Reminder { get; }

    internal FutexTable Futexes { get; } = new();

    internal ProcessThreads Threads { get; }

    /// <summary>
    /// Starts a program in a new process: loads it on the process's thread and calls its main.
    /// </summary>
    /// <param name="program">What to run.</param>
    /// <param name="arguments">argv, the program's name included.</param>
    /// <param name="environment">"NAME=value" strings.</param>
    /// <param name="workingDirectory">Absolute path.</param>
    /// <param name="title">Label for logs.</param>
    /// <param name="parentPid">Parent, or 0 for a process that the host waits for (<see cref="Process.Exited"/>).</param>
    /// <param name="files">Descriptors; by default the standard three.</param>
    /// <param name="tag">Initial <see cref="Process.Tag"/>.</param>
    public unsafe Process Spawn(ProgramImage program, IReadOnlyList<string> arguments, IReadOnlyList<string> environment,
        string workingDirectory, string title, int parentPid = 0, FileDescriptorTable? files = null, object? tag = null)
    {
        var memory = AddressSpace.Create((long)program.Main.Manifest.InitialPages * InstanceLayout.PageSize);
        files ??= FileSystem.StandardDescriptors();
        Process process;
        try
        {
            process = new Process(this, Processes.NextPid(), parentPid, program, memory, null, files, p => ProgramStart.Run(p, arguments))
            {
                Title = title,
                Environment = environment,
                WorkingDirectory = workingDirectory,
                Umask = Options.Umask,
                Tag = tag,
            };
        }
        catch
        {
            memory.Dispose();
            throw;
        }

        try
        {
            process.Start();
        }
        catch
        {
            files.CloseAll();
            memory.Dispose();
            throw;
        }

        return process;
    }

    /// <summary>
    /// Runs an action under the kernel's lock: for the host's looks at files and processes. Processes compute meanwhile, but write no files, and begin, change and end nothing else that they
    /// share.
    /// </summary>
    public T RunLocked<T>(Func<T> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        Lock.Acquire(null);
        try
        {
            HoldWrites();
            return action();
        }
        finally
        {
            ReleaseWrites();
            Lock.Release();
        }
    }

    /// <summary>Whether writes to files take the kernel's lock. Any thread.</summary>
    internal bool HoldsWrites => Volatile.Read(ref _holdsWrites);

    /// <summary>From now on all writes to files take the lock, which the caller has; those that have begun without it are waited for.</summary>
    internal void HoldWrites()
    {
        Volatile.Write(ref _holdsWrites, true);
        Interlocked.MemoryBarrier(); // pairs with Process.TryBeginWrite
        foreach (var process in Processes.Alive())
        {
            for (var wait = default(SpinWait); process.IsWriting; wait.SpinOnce())
            {
            }
        }
    }

    /// <summary>Takes that back.</summary>
    internal void ReleaseWrites() => Volatile.Write(ref _holdsWrites, false);

    /// <summary>
    /// As <see cref="RunLocked"/>, with processes stopped in waits and at preemption points: for looks into their memories. One that does not come to a stop soon runs on, which
    /// <see cref="Process.State"/> says.
    /// </summary>
    private T RunStopped<T>(Func<T> action)
    {
        World.Request(Processes);
        try
        {
            return RunLocked(() =>
            {
                World.Hold();
                try
                {
                    return action();
                }
                finally
                {
                    World.Release();
                }
            });
        }
        finally
        {
            World.Resume();
        }
    }

    /// <summary>
    /// Lets the bytes of a process's connection go through memory from now on, for a client in this .NET process: without system calls, and without
    /// waking who is awake.
    /// </summary>
    /// <param name="pid">The process, which waits for the client: nothing may be on its way to it.</param>
    /// <param name="socket">The client's end as it is. The result owns it; what is in it unread is read first.</param>
    /// <returns>The client's end from now on; null when there is no such process, or it has more than one socket.</returns>
    public MemoryConnectionStream? ConnectInMemory(int pid, NetworkStream socket) =>
        RunLocked(() => Processes.Find(pid)?.MoveSocketToMemory()) is { } connection ? new MemoryConnectionStream(connection, socket) : null;

    /// <summary>Posts a signal from the host.</summary>
    public Errno Kill(int pid, int signal) => Processes.Kill(pid, signal);

    /// <summary>
    /// Kills what still runs, waits for it, and frees everything. A process ends at its next preemption point or wait: one that computes
    /// without ever reaching either is waited for, because a thread cannot be ended from outside.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Abandon();
        while (Processes.Alive() is { Count: > 0 } living)
        {
            foreach (var p in living.Where(p => !p.IsFrozen))
            {
                p.Post(Signal.Kill);
            }

            if (living.Any(p => p.IsFrozen))
            {
                RunLocked(() => living.Count(p => p.TryDiscard(Signal.Kill)));
            }

            Task.WaitAll([.. living.Select(p => p.Exited)]);
        }

        FreeFirstSpace();
        InheritedSockets.Dispose();
        Reminder.Dispose();
        if (Options.Threads is null)
        {
            Threads.Dispose();
        }

        FileSystem.Dispose();
        ReleaseSegments();
        _origin?.Release();
    }

    internal void ReportCrash(Process process, Exception exception) => Options.Crashed?.Invoke(process, exception);
}
