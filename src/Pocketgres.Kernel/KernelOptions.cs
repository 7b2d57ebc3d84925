using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel;

/// <summary>Settings of one kernel.</summary>
public sealed record KernelOptions
{
    /// <summary>
    /// Stack of a process's thread in bytes: address space, not memory, until it is used. A program gets half of it, and 64 MB at most; the rest is for reporting that it
    /// is full, and for the host's own code.
    /// </summary>
    public int StackSize { get; init; } = DefaultStackSize;

    /// <summary>Default of <see cref="StackSize"/>.</summary>
    public const int DefaultStackSize = 256 << 20;

    /// <summary>Threads shared with other kernels, whose stack size then counts; null: the kernel has its own.</summary>
    public ProcessThreads? Threads { get; init; }

    /// <summary>Whether translated code runs under the kernel's lock, so that one process at a time runs.</summary>
    public bool OneAtATime { get; init; }

    /// <summary>
    /// Whether a process whose events come within microseconds of each other looks for the next one before it sleeps, on a host with several processors
    /// for this process. It takes no more processor time than waking it would, and much less time.
    /// </summary>
    public bool BusyWait { get; init; } = true;

    /// <summary>Id of the first process.</summary>
    public int FirstPid { get; init; } = 42;

    /// <summary>The largest process id; after it ids start again at <see cref="FirstPid"/>. The default is what Linux allows at most.</summary>
    public int MaximumPid { get; init; } = 4_194_303;

    /// <summary>What limits the growth of processes' memory, beside what their addresses reach (<see cref="Programs.DataModel.MaximumMemory"/>).</summary>
    public HostMemory Memory { get; init; } = HostMemory.Own;

    /// <summary>Which connections are ready for accept(2); null: all.</summary>
    public AcceptFilter? AcceptFilter { get; init; }

    /// <summary>
    /// Whether local time is the host's, and names of hosts are what the host's resolver says, as for a program of a user; otherwise, as for a server, local time is UTC, and localhost
    /// is 127.0.0.1.
    /// </summary>
    public bool HostServices { get; init; }

    /// <summary>Permission bits that files of the first processes do not get.</summary>
    public int Umask { get; init; } = 0x12; // 022

    /// <summary>Receives what processes write to standard output.</summary>
    public OutputSink? StandardOutput { get; init; }

    /// <summary>Receives what processes write to standard error. Called under the kernel's lock: be quick, do not call back.</summary>
    public OutputSink? StandardError { get; init; }

    /// <summary>Told of each process whose memory has been given back. Called on that process's thread without the kernel's lock: be quick.</summary>
    public Action? ProcessGone { get; init; }

    /// <summary>Told of each process that ended by a crash (a trap, an exception that is neither exit nor longjmp).</summary>
    public Action<Process, Exception>? Crashed { get; init; }
}

/// <summary>Receives bytes a process wrote.</summary>
public delegate void OutputSink(ReadOnlySpan<byte> bytes);
