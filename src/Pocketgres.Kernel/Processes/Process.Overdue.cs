using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <content>
/// Signals where the program does not look for them. A program that has ignored them for a while is interrupted where translated code looks
/// (<c>InterruptFacts</c> of Pocketgres.Wasm): at the entries of some functions and the heads of some loops. While nothing is overdue that costs next to nothing. What happens there is what happens to
/// a native program at any instruction: it ends, or handlers run; and where it may fail it is asked to.
/// </content>
public sealed unsafe partial class Process
{
    /// <summary>How often a program is interrupted, a tenth of a second apart, before it may fail where it would not by itself.</summary>
    private const int Patience = 20;

    private int _interruptWanted; // by another thread; the flag and the limit of the stack say so, too
    private bool _delivering; // a signal's handler runs
    private long _answers; // how often the program has looked by itself
    private long _answersSeen = -1; // by the reminder
    private int _unanswered; // interrupts since the last answer

    private int InterruptFlag
    {
        set => *(int*)(Memory + InstanceLayout.InterruptWanted) = value;
    }

    private int SignalFlag
    {
        set => *(int*)(Memory + InstanceLayout.SignalWanted) = value;
    }

    /// <summary>Interrupts the program where it next looks. Any thread.</summary>
    internal void Interrupt()
    {
        lock (_lifetime)
        {
            if (_memory is not null)
            {
                Volatile.Write(ref _interruptWanted, 1);
                Interlocked.MemoryBarrier(); // pairs with ApplyStackLimit
                InterruptFlag = 1;
                SignalFlag = 1;
                StackLimit = (byte*)nint.MinValue; // unsigned: above everything
            }
        }
    }

    /// <summary>There is something for the program to look at, and it does not wait. Any thread.</summary>
    internal bool IsToLook
    {
        get
        {
            bool isToLook = !HasExited && !IsFrozen && Volatile.Read(ref _waiting) == 0 && HasSomethingToLookAt;
            _answersSeen = isToLook ? _answersSeen : -1;
            return isToLook;
        }
    }

    /// <summary>Asks the program once more to look; when <paramref name="isTime"/>, interrupts it if it has not looked since the last time. Any thread.</summary>
    internal void Remind(bool isTime)
    {
        if (HasPendingSignals)
        {
            RequestReschedule();
        }

        if (isTime)
        {
            long answers = Volatile.Read(ref _answers);
            if (answers == _answersSeen)
            {
                Interrupt();
            }

            _answersSeen = answers;
        }
    }

    /// <summary>Where the program looks by itself but wants no <see cref="PreemptionPoint"/>: does what is overdue. May unwind.</summary>
    public void LookForInterrupts() => TakeInterrupt(InterruptPlace.Library);

    /// <summary>Where translated code looks: delivers signals. True if it was called for that. May unwind.</summary>
    internal bool TakeInterrupt(InterruptPlace place)
    {
        if (Interlocked.Exchange(ref _interruptWanted, 0) == 0)
        {
            return false;
        }

        ApplyStackLimit();
        TakeSignals();
        if (!_delivering && (++_unanswered > Patience ? place != InterruptPlace.Library : place == InterruptPlace.ErrorPoint))
        {
            Program.Abi.Interrupted?.Invoke(this);
        }

        return true;
    }

    /// <summary>At the head of a loop in which no error may come: delivers signals. May unwind.</summary>
    internal void TakeSignals()
    {
        SignalFlag = 0;
        if (KillPending)
        {
            throw new ExitException(_kill);
        }

        if (!_delivering)
        {
            DeliverSignals();
        }
    }

    private bool HasSomethingToLookAt
    {
        get
        {
            if (HasPendingSignals)
            {
                return true;
            }

            int flag = Program.Abi.RescheduleFlag;
            lock (_lifetime)
            {
                return flag != 0 && _memory is { } memory && *(int*)(memory.Base + flag) != 0;
            }
        }
    }

    /// <summary>The program looks by itself, or waits.</summary>
    private void Answer()
    {
        Volatile.Write(ref _answers, _answers + 1);
        _unanswered = 0;
    }
}
