using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>
/// A kernel with an empty memory file system, whose processes run the test program with C# bodies. An exception in a body (an assertion
/// too) is a crash of that process; it is rethrown by <see cref="Finish"/> and <see cref="Dispose"/> unless the test expects crashes.
/// </summary>
internal sealed unsafe class TestKernel : IDisposable
{
    /// <summary>How long a condition may take on a loaded machine before the test fails.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ProgramImage _program;
    private bool _disposed;
    private bool _failed;

    public TestKernel(ProgramImage? program = null, KernelOptions? options = null)
    {
        _program = program ?? TestProgram.Instance;
        Mounts.Mount("/", new MemoryFileSystem(long.MaxValue));
        Mounts.Mount("/dev", new DeviceFileSystem());
        options = (options ?? new KernelOptions { StackSize = 1 << 20 }) with { Crashed = (p, e) => Crashes.Enqueue((p, e)) };
        Kernel = new PosixKernel(options, Mounts);
    }

    public PosixKernel Kernel { get; }

    public MountTable Mounts { get; } = new();

    public ConcurrentQueue<(Process Process, Exception Exception)> Crashes { get; } = [];

    public bool CrashesAreExpected { get; init; }

    /// <summary>A preemption point as translated code has it: clears the request, then asks the kernel.</summary>
    public static void PreemptionPoint(Process process)
    {
        *(int*)(process.Memory + TestProgram.RescheduleFlag) = 0;
        process.PreemptionPoint();
    }

    /// <summary>What a loop of translated code does: looks at the flag, nothing else.</summary>
    public static void CheckInterrupts(Process process)
    {
        if (Volatile.Read(ref *(int*)(process.Memory + TestProgram.RescheduleFlag)) != 0)
        {
            PreemptionPoint(process);
        }
    }

    /// <summary>Starts a process without a parent.</summary>
    public Process Start(Action<Process> body, Action<Process, int>? handler = null) => Start((p, _, _) => body(p), handler);

    /// <inheritdoc cref="Start(Action{Process}, Action{Process, int}?)"/>
    public Process Start(Action<Process, int, int> body, Action<Process, int>? handler = null, string[]? arguments = null,
        string[]? environment = null, FileDescriptorTable? files = null) =>
        Kernel.Spawn(_program, arguments ?? ["test"], environment ?? [], "/", "test", files: files, tag: new GuestState
        {
            Handler = handler,
            Main = (p, argc, argv) =>
            {
                body(p, argc, argv);
                return 0;
            },
        });

    /// <summary>Starts a process and waits for its end.</summary>
    public void Run(Action<Process> body, Action<Process, int>? handler = null) => Assert.Equal(0, Finish(Start(body, handler)));

    /// <summary>Waits for processes to end; returns the last one's status.</summary>
    public int Finish(params Process[] processes)
    {
        int status = 0;
        foreach (var p in processes)
        {
            if (!p.Exited.Wait(Patience))
            {
                Rethrow();
                Assert.Fail($"process {p.Pid} ({p.Title}) did not end within {Patience}");
            }

            status = p.Exited.Result;
        }

        Rethrow();
        return status;
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!Task.Run(Kernel.Dispose).Wait(Patience))
        {
            Rethrow();
            if (_failed)
            {
                return;
            }

            Assert.Fail($"the kernel's Dispose did not return; left: {string.Join(", ", Kernel.Processes.Snapshot().Select(p => p.Title))}");
        }

        Rethrow();
    }

    private void Rethrow()
    {
        // The first crash is the cause: later ones, and what Dispose finds, would only hide it.
        if (!CrashesAreExpected && !_failed && Crashes.TryDequeue(out var crash))
        {
            _failed = true;
            ExceptionDispatchInfo.Throw(crash.Exception);
        }
    }
}
