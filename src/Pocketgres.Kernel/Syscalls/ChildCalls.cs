using Pocketgres.Kernel.Programs;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Processes and their children: fork, waitpid, kill, identity. For programs built with these calls as imports; errors are negated errno numbers.</summary>
public static unsafe class ChildCalls
{
    private const int NoHang = 1; // WNOHANG

    /// <summary>fork(2) for code whose stack cannot be copied: the child has a copy of memory and descriptors and calls <paramref name="entry"/>, which does not return.</summary>
    /// <returns>The child's process id, or a negated errno. Never returns in the child.</returns>
    [HostFunction("pocket_fork")]
    public static int Fork(byte* m, int entry, int argument)
    {
        var parent = Process.From(m);
        try
        {
            var (title, tag) = parent.Program.Abi.Child?.Invoke(parent, argument) ?? (parent.Title, parent.Tag);
            var child = parent.Fork(title, tag, child => Enter(child, entry, argument));
            parent.Program.Abi.Forked?.Invoke(parent, child);
            return child.Pid;
        }
        catch (HostResourceException e)
        {
            parent.Program.Abi.ForkFailed?.Invoke(parent, argument, e.Message);
            return -(int)e.Error;
        }
        catch (OutOfMemoryException e)
        {
            parent.Program.Abi.ForkFailed?.Invoke(parent, argument, e.Message); // no thread
            return -(int)Errno.ENOMEM;
        }
    }

    /// <summary>kill(2). There are no process groups: a negative id means the process of that number.</summary>
    [HostFunction("pocket_kill", Locking = KernelLocking.None)]
    public static int Kill(byte* m, int pid, int signal)
    {
        var process = Process.From(m);
        pid = Math.Abs(pid);
        if (pid == process.Pid && signal != 0)
        {
            process.Post(signal);
            process.DeliverSignals();
            return 0;
        }

        return -(int)process.Kernel.Kill(pid, signal);
    }

    /// <summary>getpid(2).</summary>
    [HostFunction("pocket_getpid", Locking = KernelLocking.None)]
    public static int GetProcessId(byte* m) => Process.From(m).Pid;

    /// <summary>getppid(2): 1 once the parent has ended, as POSIX has it.</summary>
    [HostFunction("pocket_getppid", Locking = KernelLocking.None)]
    public static int GetParentId(byte* m) => Math.Max(1, Process.From(m).ParentPid);

    /// <summary>setsid(2): there are no sessions.</summary>
    [HostFunction("__syscall_setsid", Locking = KernelLocking.None)]
    public static int SetSession(byte* m) => Process.From(m).Pid;

    /// <summary>waitpid(2).</summary>
    [HostFunction("pocket_waitpid")]
    public static int WaitForChild(byte* m, int pid, int status, int options)
    {
        var process = Process.From(m);
        if (process.TakeCommand(pid) is { } command)
        {
            int end = command.Wait();
            if (status != 0)
            {
                *(int*)(m + (uint)status) = end;
            }

            return pid;
        }

        while (true)
        {
            int found = process.Kernel.Processes.TryWait(process, pid, out int value);
            if (found == 0 && (options & NoHang) == 0)
            {
                process.Pause();
                if (!process.HasPendingSignals)
                {
                    continue;
                }

                process.DeliverSignals(); // a child's end among them: look again, as after SA_RESTART
                continue;
            }

            if (found > 0 && status != 0)
            {
                *(int*)(m + (uint)status) = value;
            }

            return found;
        }
    }

    /// <summary>nanosleep(2): -EINTR after a signal.</summary>
    [HostFunction("pocket_nanosleep", Locking = KernelLocking.None)]
    public static int Sleep(byte* m, long seconds, int nanoseconds)
    {
        var process = Process.From(m);
        if (seconds < 0 || nanoseconds is < 0 or >= 1_000_000_000)
        {
            return -(int)Errno.EINVAL;
        }

        bool undisturbed = process.Sleep((Math.Min(seconds, int.MaxValue) * 1_000_000_000) + nanoseconds);
        process.DeliverSignals();
        return undisturbed ? 0 : -(int)Errno.EINTR;
    }

    private static void Enter(Process child, int entry, int argument)
    {
        nint code = FunctionTable.Get(child.Memory, entry);
        if (child.Program.DataModel.PointerSize == 8)
        {
            ((delegate*<byte*, long, void>)code)(child.Memory, (uint)argument);
        }
        else
        {
            ((delegate*<byte*, int, void>)code)(child.Memory, argument);
        }

        throw new TrapException("the function that a forked child begins with has returned");
    }
}
