using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Races;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>
/// A process: one thread, one linear memory, a descriptor table, signals. Members are used by the process's own thread, those that
/// concern other processes too under the kernel's lock, unless they say otherwise.
/// </summary>
public sealed unsafe partial class Process
{
    private readonly Lock _lifetime = new(); // guards _memory and _wakeDescriptor against use after exit by other threads
    private readonly Action<Process> _body;
    private AddressSpace? _memory;
    private GCHandle _handle;
    private int _wakeDescriptor = -1;

    internal Process(PosixKernel kernel, int pid, int parentPid, ProgramImage program, AddressSpace memory, DynamicLinker? linkerOfParent,
        FileDescriptorTable files, Action<Process> body)
    {
        Kernel = kernel;
        Pid = pid;
        ParentPid = parentPid;
        Program = program;
        Files = files;
        _body = body;
        Linker = linkerOfParent is null ? new DynamicLinker(this) : linkerOfParent.CopyFor(this);
        Attach(memory);
    }

    /// <summary>The kernel this process runs on.</summary>
    public PosixKernel Kernel { get; }

    /// <summary>Process id, unique within its kernel.</summary>
    public int Pid { get; }

    /// <summary>Parent's process id; 0 without a parent and once the parent has ended, which ends a wait in <see cref="Block"/>.</summary>
    public int ParentPid { get; internal set; }

    /// <summary>The program it runs.</summary>
    public ProgramImage Program { get; }

    /// <summary>A label for logs, for example "backend"; set by whoever starts the process.</summary>
    public string Title { get; set; } = "process";

    /// <summary>A value for the layer above to hang its own per-process state on; disposed at the process's end, on its thread, if that can be done.</summary>
    public object? Tag { get; set; }

    /// <summary>Environment strings ("NAME=value"), inherited by children.</summary>
    public IReadOnlyList<string> Environment { get; internal set; } = [];

    /// <summary>Byte 0 of linear memory; valid while the process lives.</summary>
    public byte* Memory
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _memory!.Base;
    }

    /// <summary>True once the process has ended. Any thread.</summary>
    public bool HasExited => Volatile.Read(ref _exited);

    /// <summary>Status as waitpid(2) encodes it: exit code * 256, or the number of the signal that ended it.</summary>
    public int ExitStatus { get; private set; }

    /// <summary>Completes with <see cref="ExitStatus"/> when the process has ended and its memory is gone. Any thread.</summary>
    public Task<int> Exited => _exitedSource.Task;

    /// <summary>Changes whenever it has got the kernel's lock or ended a wait: if it does not, and the process waits, it has done nothing. Under the kernel's lock.</summary>
    public long Runs { get; private set; }

    /// <summary>What it does. Any thread; only what is neither <see cref="ProcessState.Running"/> nor <see cref="ProcessState.HostCall"/> stays as it is while a thread holds the world (<see cref="WorldStop"/>).</summary>
    public ProcessState State
    {
        get => _state;
        internal set => _state = value;
    }

    private volatile ProcessState _state;

    /// <summary>The one longjmp exception this process throws: control flow needs no stack trace or allocation.</summary>
    private LongjmpException Longjmp { get; } = new();

    /// <summary>Address of the C++ exception that was thrown last. Its own thread; read where it arrives, so a fork need not know of it.</summary>
    internal int ThrownException { get; set; }

    internal DynamicLinker Linker { get; private set; } = null!;

    internal AddressSpace AddressSpace => _memory!;

    /// <summary>As <see cref="AddressSpace"/>, but null while the process has none.</summary>
    internal AddressSpace? MappedSpace => _memory;

    private readonly TaskCompletionSource<int> _exitedSource = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _exited;

    /// <summary>What the checker of races knows of the process, where there is one.</summary>
    internal RaceThread? RaceThread { get; set; }

    /// <summary>The process whose linear memory this is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Process From(byte* m) =>
        Unsafe.As<Process>(GCHandle.FromIntPtr(*(nint*)(m + InstanceLayout.ProcessHandle)).Target!);

    /// <summary>
    /// fork(2): a copy-on-write child that shares descriptors and shared memory and runs <paramref name="body"/> on its own thread.
    /// </summary>
    /// <param name="title">Label of the child.</param>
    /// <param name="tag">The child's <see cref="Tag"/>.</param>
    /// <param name="body">What the child does instead of returning from fork; ends by returning or by <see cref="ExitException"/>.</param>
    /// <returns>The child, already started.</returns>
    /// <exception cref="HostResourceException">The host refuses memory or descriptors.</exception>
    public Process Fork(string title, object? tag, Action<Process> body)
    {
        var space = AddressSpace.Fork((uint)Linker.BreakAddress(), title);
        FileDescriptorTable? files = null;
        try
        {
            files = Files.Fork();
            var child = new Process(Kernel, Kernel.Processes.NextPid(), Pid, Program, space, Linker, files, body)
            {
                Title = title,
                Environment = Environment,
                WorkingDirectory = WorkingDirectory,
                Umask = Umask,
                Tag = tag,
                _firstSize = Program.Main.Exports("malloc_trim") ? space.Size : long.MaxValue,
            };
            RaceChecker.Fork(this, child);
            child.Start();
            if (HasPendingSignals)
            {
                RequestReschedule(); // making the template may have lost a request that another thread wrote meanwhile
            }

            return child;
        }
        catch
        {
            files?.CloseAll();
            space.LeaveShared();
            space.Dispose();
            throw;
        }
    }

    /// <summary>Asks the running program to reach a preemption point soon. Any thread.</summary>
    internal void RequestReschedule()
    {
        int flag = Program.Abi.RescheduleFlag;
        if (flag == 0)
        {
            return;
        }

        lock (_lifetime)
        {
            if (_memory is { } memory)
            {
                *(int*)(memory.Base + flag) = 1;
            }
        }
    }

    /// <summary>Starts the thread. On failure the process never was; memory and descriptors are the caller's still.</summary>
    internal void Start()
    {
        Kernel.Processes.Add(this);
        try
        {
            StartThread();
        }
        catch
        {
            Kernel.Processes.Remove(this);
            Detach();
            FreeHostObjects();
            throw;
        }
    }

    private void StartThread() => Kernel.Threads.Run(Run, $"pg-{Pid}");

    /// <summary>Makes the process the owner of an address space. When it fails, the process is as before.</summary>
    private void Attach(AddressSpace memory, bool isThread = false)
    {
        int wake = HostDescriptors.Keep(Libc.eventfd(0, Libc.EventFdNonBlocking | Libc.EventFdCloseOnExec));
        if (wake < 0)
        {
            throw new HostResourceException($"eventfd failed (errno {Marshal.GetLastPInvokeError()}); check ulimit -n", HostErrno.Last());
        }

        _busyWait = Kernel.Options.BusyWait && System.Environment.ProcessorCount > 1 ? new BusyWait() : null;

        // From here on nothing fails: what follows is freed at the process's end.
        _handle = GCHandle.Alloc(this);
        if (!isThread)
        {
            *(nint*)(memory.Base + InstanceLayout.ProcessHandle) = GCHandle.ToIntPtr(_handle);
        }

        lock (_lifetime)
        {
            _wakeDescriptor = wake;
            _memory = memory;
        }
    }

    private void Run()
    {
        int status;
        Exception? crash = null;
        bool returned = false;
        try
        {
            EnterKernel();
            try
            {
                Unfreeze();
                BeginStack();
                State = ProcessState.Running;
                Kernel.Running.Begin(this);
            }
            finally
            {
                LeaveKernel();
            }

            _body(this);
            status = 0;
            returned = true;
        }
        catch (ExitException e)
        {
            status = e.Status;
        }
#pragma warning disable CA1031 // whatever else unwinds through translated frames is a crash of this process, never of the host
        catch (Exception e)
#pragma warning restore CA1031
        {
            var fault = _memory!.LastFault;
            status = fault?.Signal ?? (e is StackLimitException ? Signal.SegmentationFault : Signal.Abort);
            crash = fault is null ? e : new MemoryFaultException(fault, _memory.Size, e);
        }

        EnterKernel();
        if (crash is not null)
        {
            Kernel.ReportCrash(this, crash);
        }

        if (IsThread)
        {
            EndThread(returned ? null : status);
        }
        else
        {
            Exit(EndOtherThreads(status));
        }
    }

    private void Exit(int status)
    {
        ExitStatus = status;
        if (State == ProcessState.Running)
        {
            Kernel.Running.End();
        }

        State = ProcessState.Ended;
        TrimStack();
        _alarm?.Dispose();
        Files.CloseAll();
        LearnWorkingSets();
        var memory = Detach();
        if (memory is not null && Kernel.TakesOver(this, memory))
        {
            memory = null;
        }

        memory?.LeaveShared();
        Volatile.Write(ref _exited, true);
        Kernel.Processes.Exited(this);
        RaceChecker.Exit(this);
        Unlock();

        // Unmapping gigabytes of reservation is slow enough to do without the lock.
        memory?.Dispose();
        (Tag as IDisposable)?.Dispose();
        FreeHostObjects();
        _exitedSource.SetResult(status);
        Kernel.Processes.Gone(this);
        Kernel.Options.ProcessGone?.Invoke();
    }

    private void LearnWorkingSets()
    {
        _memory!.LearnWorkingSet();
        if (_isThawed)
        {
            return; // the clone as a whole is at an end
        }

        Kernel.Cloned?.LearnWorkingSet();
    }

    /// <summary>Takes memory and eventfd away from other threads.</summary>
    private AddressSpace? Detach()
    {
        lock (_lifetime)
        {
            var memory = _memory;
            _memory = null;
            if (memory is not null)
            {
                Kernel.Options.Memory.Forget(memory);
            }

            if (_wakeDescriptor >= 0)
            {
                _ = Libc.close(_wakeDescriptor);
                _wakeDescriptor = -1;
            }

            return memory;
        }
    }

    private void FreeHostObjects()
    {
        if (_handle.IsAllocated)
        {
            _handle.Free();
        }
    }
}
