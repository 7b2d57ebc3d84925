using System.Net.Sockets;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>
/// One kernel: processes, their scheduler, mounted file systems. It has no static state, so any number can live in one .NET process.
/// </summary>
public sealed partial class PosixKernel : IDisposable
{
    private int _disposed;

    /// <summary>Creates a kernel without processes.</summary>
    public PosixKernel(KernelOptions options, MountTable fileSystem)
    {
        Options = options;
        FileSystem = fileSystem;
        Processes = new ProcessTable(options.FirstPid, options.MaximumPid);
        Threads = options.Threads ?? new ProcessThreads(options.StackSize);
        Scheduler = new Scheduler(Threads, options.BusyWait);
    }

    /// <summary>Settings.</summary>
    public KernelOptions Options { get; }

    /// <summary>The mounted file systems.</summary>
    public MountTable FileSystem { get; }

    /// <summary>The processes.</summary>
    public ProcessTable Processes { get; }

    /// <summary>Sockets that the host has bound already and that bind(2) finds by address ("socket activation").</summary>
    public InheritedSockets InheritedSockets { get; } = new();

    /// <summary>How often a process gave up the processor because others waited.</summary>
    public long Preemptions => Scheduler.Preemptions;

    internal Scheduler Scheduler { get; }

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

    /// <summary>Runs an action while no process runs: for the host's looks into shared memory.</summary>
    public T RunStopped<T>(Func<T> action) => Scheduler.RunLocked(action);

    /// <summary>As <see cref="RunStopped"/>, and nothing runs in a private section either: for looks into private memory.</summary>
    private T RunAlone<T>(Func<T> action)
    {
        Scheduler.HoldOffPrivateSections();
        try
        {
            while (true)
            {
                var (alone, result) = RunStopped(() => Scheduler.ActiveSections == 0 ? (true, action()) : (EndPrivateSectionsSoon(), default(T)!));
                if (alone)
                {
                    return result;
                }

                Thread.Sleep(1);
            }
        }
        finally
        {
            Scheduler.AllowPrivateSections();
        }
    }

    // A section ends where the program looks for signals, at the latest. Returns false.
    private bool EndPrivateSectionsSoon()
    {
        foreach (var process in Processes.Snapshot())
        {
            if (process.State == ProcessState.HostCall && process.InPrivateSection)
            {
                process.RequestReschedule();
            }
        }

        return false;
    }

    /// <summary>
    /// Lets the bytes of a process's connection go through memory from now on, for a client in this .NET process: without system calls, and without
    /// waking who is awake.
    /// </summary>
    /// <param name="pid">The process, which waits for the client: nothing may be on its way to it.</param>
    /// <param name="socket">The client's end as it is. The result owns it; what is in it unread is read first.</param>
    /// <returns>The client's end from now on; null when there is no such process, or it has more than one socket.</returns>
    public MemoryConnectionStream? ConnectInMemory(int pid, NetworkStream socket) =>
        RunStopped(() => Processes.Find(pid)?.MoveSocketToMemory()) is { } connection ? new MemoryConnectionStream(connection, socket) : null;

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
                RunStopped(() => living.Count(p => p.TryDiscard(Signal.Kill)));
            }

            Task.WaitAll([.. living.Select(p => p.Exited)]);
        }

        FreeFirstSpace();
        InheritedSockets.Dispose();
        Scheduler.Dispose();
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
