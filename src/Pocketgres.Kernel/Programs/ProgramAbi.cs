using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Programs;

/// <summary>
/// What the kernel must know of one program beyond its exports. Supplied by the layer that knows the program.
/// </summary>
public sealed record ProgramAbi
{
    /// <summary>Function index of the C library's raise(), or -1 when the program has no signal handlers.</summary>
    public int RaiseFunction { get; init; } = -1;

    /// <summary>
    /// Address of an int that the kernel sets to 1 to ask for a preemption point (like Linux' TIF_NEED_RESCHED), or 0.
    /// </summary>
    public int RescheduleFlag { get; init; }

    /// <summary>The user and group that the program runs as, who owns the files of the host's owner. PostgreSQL refuses to run as 0.</summary>
    public int UserId { get; init; }

    /// <summary>The name of that user; null: the host knows it.</summary>
    public string? UserName { get; init; }

    /// <summary>
    /// Describes the child that a process is about to fork, by what the child's function will get: a label for logs, which also says of what kind it is (children
    /// of one kind write the same pages at their start), and its <see cref="Process.Tag"/>. Null: as the parent.
    /// </summary>
    public Func<Process, int, (string Title, object? Tag)>? Child { get; init; }

    /// <summary>Called in the parent with the child that it has forked; the child may run already.</summary>
    public Action<Process, Process>? Forked { get; init; }

    /// <summary>Called in the parent when a fork failed for lack of something of the host's, with what the child would have got and the reason.</summary>
    public Action<Process, int, string>? ForkFailed { get; init; }

    /// <summary>How many bytes of stack a process wants to use at most, asked as it begins; null: all there are. See <see cref="Process.LimitStackDepth"/>.</summary>
    public Func<Process, long>? StackDepth { get; init; }

    /// <summary>
    /// Called when translated code has used up the stack of the process's thread: reports an error and does not return, or returns when it may not report one; then the
    /// process crashes.
    /// </summary>
    public Action<Process>? StackLimitReached { get; init; }

    /// <summary>
    /// Called where the program may fail, when signals have been delivered to it for which it has not looked for a while: raises an error if one of them wants one and the program
    /// allows it now. May unwind.
    /// </summary>
    public Action<Process>? Interrupted { get; init; }

    /// <summary>Called on the process's thread after the program is loaded and its constructors ran, before main.</summary>
    public Action<Process>? Loaded { get; init; }

    /// <summary>
    /// Called in the process that has loaded a shared library with dlopen(3), with the library's base name, before dlopen returns. May longjmp.
    /// </summary>
    public Action<Process, string>? LibraryLoaded { get; init; }

    /// <summary>
    /// Starts a command line for system(3) and popen(3), on the process's thread: with a standard input and a standard output of its own, where they are not null.
    /// Null: a kernel has no shell.
    /// </summary>
    public Func<Process, string, OpenFile?, OpenFile?, ICommand>? StartCommand { get; init; }
}
