namespace Pocketgres.Kernel;

/// <summary>
/// The processes of one kernel. Guarded by a lock of its own, because the host looks at it from other threads.
/// A process stays here after its end until its parent has waited for it (a zombie) or, without a living parent, goes at once.
/// </summary>
public sealed class ProcessTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Process> _processes = [];
    private readonly HashSet<Process> _alive = []; // threads that still run, also of processes that nobody can wait for any more
    private readonly int _firstPid;
    private readonly int _maximumPid;
    private int _nextPid;

    internal ProcessTable(int firstPid, int maximumPid)
    {
        _firstPid = firstPid;
        _maximumPid = maximumPid;
        _nextPid = firstPid;
    }

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

    /// <summary>kill(2). Signal 0 only probes. A zombie exists still; signals to it go nowhere.</summary>
    public Errno Kill(int pid, int signal)
    {
        if (signal is < 0 or > Signal.Maximum)
        {
            return Errno.EINVAL;
        }

        var target = Find(pid);
        if (target is null)
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
            while (true)
            {
                int pid = _nextPid;
                _nextPid = pid >= _maximumPid ? _firstPid : pid + 1;
                if (!_processes.ContainsKey(pid))
                {
                    return pid;
                }
            }
        }
    }

    /// <summary>Whether some process has not got its memory yet.</summary>
    internal bool AnyFrozen()
    {
        lock (_lock)
        {
            foreach (var p in _alive)
            {
                if (p.State == ProcessState.Frozen)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The id from which the next one is looked for.</summary>
    internal int PeekNextPid()
    {
        lock (_lock)
        {
            return _nextPid;
        }
    }

    /// <summary>In a new clone: goes on where the source was.</summary>
    internal void ContinueAt(int nextPid)
    {
        lock (_lock)
        {
            _nextPid = nextPid;
        }
    }

    internal void Add(Process process)
    {
        lock (_lock)
        {
            _processes.Add(process.Pid, process);
            _alive.Add(process);
            Started++;
        }
    }

    /// <summary>Takes back an <see cref="Add"/>: the process could not be started.</summary>
    internal void Remove(Process process)
    {
        lock (_lock)
        {
            _processes.Remove(process.Pid);
            _alive.Remove(process);
            Started--;
        }
    }

    /// <summary>Processes whose thread still holds something of the host's.</summary>
    internal IReadOnlyList<Process> Alive()
    {
        lock (_lock)
        {
            var alive = new Process[_alive.Count]; // not [.. _alive], which is LINQ
            _alive.CopyTo(alive);
            return alive;
        }
    }

    /// <summary>The last thing a process's thread does.</summary>
    internal void Gone(Process process)
    {
        lock (_lock)
        {
            _alive.Remove(process);
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

            // Zombies go with their parent; living children are nobody's from now on, whoever gets the parent's id later.
            foreach (var p in _processes.Values)
            {
                if (p.ParentPid != process.Pid)
                {
                    continue;
                }

                p.ParentPid = 0;
                if (p.HasExited)
                {
                    _processes.Remove(p.Pid); // a dictionary allows that meanwhile
                }
                else
                {
                    p.InterruptWait(); // it may wait for this
                }
            }
        }

        parent?.Post(Signal.Child);
    }
}
