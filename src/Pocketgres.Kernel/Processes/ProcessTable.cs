namespace Pocketgres.Kernel;

/// <summary>
/// The processes of one kernel. Guarded by a lock of its own, because the host looks at it from other threads.
/// A process stays here after its end until its parent has waited for it (a zombie) or, without a living parent, goes at once.
/// </summary>
public sealed class ProcessTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Process> _processes = [];
    private int _nextPid;

    internal ProcessTable(int firstPid) => _nextPid = firstPid;

    /// <summary>How many processes were ever started.</summary>
    public long Started { get; private set; }

    /// <summary>The process with this id (it may have ended), or null.</summary>
    public Process? Find(int pid)
    {
        lock (_lock)
        {
            return _processes.GetValueOrDefault(pid);
        }
    }

    /// <summary>All processes, zombies included, by id.</summary>
    public IReadOnlyList<Process> Snapshot()
    {
        lock (_lock)
        {
            return [.. _processes.Values.OrderBy(p => p.Pid)];
        }
    }

    /// <summary>kill(2). Signal 0 only probes.</summary>
    public Errno Kill(int pid, int signal)
    {
        var target = Find(pid);
        if (target is null || target.HasExited)
        {
            return Errno.ESRCH;
        }

        if (signal != 0)
        {
            target.Post(signal);
        }

        return Errno.None;
    }

    /// <summary>waitpid(2) with WNOHANG for any child, or for <paramref name="pid"/> when positive.</summary>
    /// <returns>The id of the child that was reaped, 0 when none has ended, or <c>-(int)Errno.ECHILD</c> without children.</returns>
    public int TryWait(Process parent, int pid, out int status)
    {
        status = 0;
        lock (_lock)
        {
            bool any = false;
            Process? ended = null;
            foreach (var child in _processes.Values)
            {
                if (child.ParentPid != parent.Pid || (pid > 0 && child.Pid != pid))
                {
                    continue;
                }

                any = true;
                if (child.HasExited && (ended is null || child.Pid < ended.Pid))
                {
                    ended = child;
                }
            }

            if (ended is null)
            {
                return any ? 0 : -(int)Errno.ECHILD;
            }

            status = ended.ExitStatus;
            _processes.Remove(ended.Pid);
            return ended.Pid;
        }
    }

    /// <summary>waitpid(2) for one child, waiting for its end.</summary>
    /// <returns>Its status, or a negated errno.</returns>
    public int Wait(Process parent, int pid)
    {
        while (true)
        {
            int result = TryWait(parent, pid, out int status);
            if (result != 0)
            {
                return result < 0 ? result : status;
            }

            parent.Pause();
            parent.DeliverSignals();
        }
    }

    internal int NextPid()
    {
        lock (_lock)
        {
            // Ids are handed out upwards like Linux' and never reused while the old process is still known.
            while (_processes.ContainsKey(_nextPid))
            {
                _nextPid++;
            }

            int pid = _nextPid++;
            if (_nextPid >= 4_000_000)
            {
                _nextPid = 100;
            }

            return pid;
        }
    }

    internal void Add(Process process)
    {
        lock (_lock)
        {
            _processes.Add(process.Pid, process);
            Started++;
        }
    }

    internal void Exited(Process process)
    {
        Process? parent;
        lock (_lock)
        {
            parent = _processes.GetValueOrDefault(process.ParentPid);
            if (parent is null || parent.HasExited)
            {
                _processes.Remove(process.Pid);
            }

            // Orphaned zombies go with their parent.
            foreach (var orphan in _processes.Values.Where(p => p.ParentPid == process.Pid && p.HasExited).ToList())
            {
                _processes.Remove(orphan.Pid);
            }
        }

        parent?.Post(Signal.Child);
    }
}
