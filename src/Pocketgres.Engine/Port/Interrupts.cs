using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>Preemption and signals, where Postgres itself looks for interrupts.</summary>
public static unsafe class Interrupts
{
    /// <summary>
    /// Runs before ProcessInterrupts: the one place where a process may be preempted, because it holds no spinlock or LWLock there.
    /// </summary>
    [HostFunction("postgres.ProcessInterrupts")]
    public static void ProcessInterrupts(byte* m)
    {
        if (*(int*)(m + PgliteAddresses.InterruptHoldoffCount) == 0 && *(int*)(m + PgliteAddresses.CritSectionCount) == 0)
        {
            Process.From(m).PreemptionPoint();
        }
    }

    /// <summary>kill(2). A negative id means the process group of that leader; backends are no group leaders here, so it means the process.</summary>
    [HostFunction("postgres.kill")]
    public static int Kill(byte* m, int pid, int signal)
    {
        var process = Process.From(m);
        int target = Math.Abs(pid);

        // A single-user server, as initdb runs one, has the postmaster's folded process id (MyProcPid) and another one here. It signals itself
        // when its invalidation queue is full.
        bool self = target == process.Pid
            || (*(m + PgliteAddresses.IsPostmasterEnvironment) == 0 && target == *(int*)(m + PgliteAddresses.MyProcPid));
        if (self && signal != 0 && signal != Signal.Kill)
        {
            process.Raise(signal); // raise(3): handlers of the caller run before kill returns
            return 0;
        }

        return LibcError.Result(m, process.Kernel.Kill(target, signal));
    }

    /// <summary>waitpid(-1, &amp;status, WNOHANG), whose result the postmaster's reaper expects in its stack frame.</summary>
    [HostFunction("postgres.waitpid")]
    public static int WaitPid(byte* m, int frame)
    {
        var process = Process.From(m);
        int pid = process.Kernel.Processes.TryWait(process, -1, out int status);
        if (pid > 0)
        {
            *(int*)(m + (uint)frame + PgliteStructs.MainFrame.ExitStatus) = status;
        }

        return pid < 0 ? LibcError.Result(m, (Errno)(-pid)) : pid;
    }

    /// <summary>nanosleep(2): a signal ends it with EINTR.</summary>
    [HostFunction("postgres.nanosleep")]
    public static int NanoSleep(byte* m, int request, int remaining)
    {
        var process = Process.From(m);
        long seconds = *(long*)(m + (uint)request);
        long nanoseconds = *(int*)(m + (uint)request + 8);
        process.DeliverSignals();
        bool undisturbed = process.Sleep((Math.Min(seconds, int.MaxValue) * 1_000_000_000) + nanoseconds);
        process.DeliverSignals();
        return undisturbed ? 0 : LibcError.Result(m, Errno.EINTR);
    }
}
