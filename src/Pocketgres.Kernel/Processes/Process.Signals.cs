using Pocketgres.Kernel.Races;

namespace Pocketgres.Kernel;

/// <content>Signals: a set of pending numbers, delivered on the process's own thread by calling the program's raise().</content>
public sealed unsafe partial class Process
{
    private long _pendingSignals; // bit (number - 1)
    private int _kill; // Signal.Kill or Signal.Abort: ends the process at the next delivery point
    private IntervalTimer? _alarm;

    /// <summary>
    /// Raised for each signal as it is posted, on the poster's thread, perhaps under the kernel's lock: be quick. For what the process runs on the host,
    /// which a signal to a process group would reach too.
    /// </summary>
    public event Action<int>? SignalPosted;

    /// <summary>True when a signal waits for delivery. Any thread.</summary>
    internal bool HasPendingSignals => Volatile.Read(ref _pendingSignals) != 0 || KillPending;

    private bool KillPending => Volatile.Read(ref _kill) != 0;

    /// <summary>
    /// kill(2) to this process, by any thread: the signal becomes pending, the program is asked to look, a wait ends.
    /// SIGKILL cannot be caught; like any signal here it takes effect at the next wait or preemption point, or if that is long in coming, where translated code looks for interrupts.
    /// </summary>
    /// <param name="signal">1 to <see cref="Signal.Maximum"/>.</param>
    public void Post(int signal)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(signal, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(signal, Signal.Maximum);
        if (HasExited)
        {
            return;
        }

        if (signal == Signal.Kill)
        {
            Interlocked.CompareExchange(ref _kill, Signal.Kill, 0);
        }
        else
        {
            Interlocked.Or(ref _pendingSignals, 1L << (signal - 1));
        }

        RaceChecker.Tell(this);
        Thaw();
        RequestReschedule();
        Wake();
        RemindOfSignals();
        SignalPosted?.Invoke(signal);
    }

    /// <summary>Ends the process as if it had crashed with SIGABRT: for tests of crash recovery. Any thread.</summary>
    public void InjectCrash()
    {
        Interlocked.CompareExchange(ref _kill, Signal.Abort, 0);
        Thaw();
        RequestReschedule();
        Wake();
        RemindOfSignals();
    }

    /// <summary>Runs the handlers of pending signals; may unwind (longjmp, exit).</summary>
    public void DeliverSignals()
    {
        RaceChecker.Learn(this);
        while (true)
        {
            if (KillPending)
            {
                throw new ExitException(_kill);
            }

            if (Volatile.Read(ref _pendingSignals) == 0)
            {
                return;
            }

            ulong set = (ulong)Interlocked.Exchange(ref _pendingSignals, 0);
            while (set != 0)
            {
                int signal = System.Numerics.BitOperations.TrailingZeroCount(set) + 1;
                set &= set - 1;
                bool outer = _delivering;
                _delivering = true;
                try
                {
                    RaiseUnlocked(signal);
                }
                catch when (KeepPending(set))
                {
                    throw; // never reached: the filter only puts the rest of the set back before the stack unwinds
                }
                finally
                {
                    _delivering = outer;
                }
            }
        }
    }

    /// <summary>raise(3) in the program: runs the handler now unless the program has the signal blocked.</summary>
    public void Raise(int signal)
    {
        nint raise = Program.RaiseFunction;
        if (raise == 0)
        {
            // A program without handlers of its own: the default action of the signals we send is to end it.
            if (signal is not (Signal.Child or Signal.Urgent or Signal.Continue))
            {
                throw new ExitException(signal);
            }

            return;
        }

        _ = ((delegate*<byte*, int, int>)raise)(Memory, signal);
    }

    /// <summary>setitimer(ITIMER_REAL): posts SIGALRM after the time; zero disarms.</summary>
    public void SetAlarm(double milliseconds)
    {
        if (_alarm is null && milliseconds <= 0)
        {
            return;
        }

        _alarm ??= new IntervalTimer(this);
        _alarm.Set(milliseconds);
    }

    // A process that waits looks for signals when it goes on.
    private void RemindOfSignals()
    {
        if (Volatile.Read(ref _waiting) == 0)
        {
            Kernel.Reminder.Arm();
        }
    }

    private bool KeepPending(ulong set)
    {
        if (set != 0)
        {
            Interlocked.Or(ref _pendingSignals, (long)set);
            RequestReschedule(); // the program has answered the first request already
        }

        return false;
    }
}
