namespace Pocketgres.Kernel;

/// <content>The process and the kernel's lock. All members are for the process's own thread.</content>
public sealed unsafe partial class Process
{
    private int _kernelDepth; // locked host functions on the stack
    private bool _isLocked; // this thread has the kernel's lock
    private int _isWriting; // it writes to a file without the lock

    /// <summary>Whether this process's thread has the kernel's lock.</summary>
    internal bool IsLocked => _isLocked;

    /// <summary>Before a locked host function: takes the lock, unless the thread has it already.</summary>
    internal void EnterKernel()
    {
        if (_kernelDepth++ == 0 && !_isLocked)
        {
            Lock();
        }
    }

    /// <summary>After a locked host function, however it ended.</summary>
    internal void LeaveKernel()
    {
        if (--_kernelDepth == 0)
        {
            UnlockUnlessExclusive();
        }
    }

    /// <summary>Whether its thread writes to a file without the lock. Any thread.</summary>
    internal bool IsWriting => Volatile.Read(ref _isWriting) != 0;

    /// <summary>Before a write to a file without the lock. False while nobody may do that (<see cref="PosixKernel.HoldWrites"/>): take the lock for it.</summary>
    internal bool TryBeginWrite()
    {
        Interlocked.Exchange(ref _isWriting, 1); // a full barrier: either who holds writes sees this, or it is seen here
        if (!Kernel.HoldsWrites)
        {
            return true;
        }

        EndWrite();
        return false;
    }

    /// <summary>After it.</summary>
    internal void EndWrite() => Volatile.Write(ref _isWriting, 0);

    /// <summary>Gives the lock up, if the thread has it, before something that may take long. Returns whether it had it.</summary>
    private bool Unlock()
    {
        if (!_isLocked)
        {
            return false;
        }

        _isLocked = false;
        Kernel.Lock.Release();
        return true;
    }

    private void Lock()
    {
        Kernel.Lock.Acquire(this);
        Locked();
    }

    // The thread has got the lock.
    private void Locked()
    {
        _isLocked = true;
        Runs++;
        SwitchThread();
        if (Kernel.Cloned is { } shared && _memory is { } space)
        {
            shared.GiveTo(space);
        }
    }

    // Where one process at a time runs, translated code has the lock too.
    private void UnlockUnlessExclusive()
    {
        if (_isLocked && !Kernel.IsExclusive)
        {
            Unlock();
        }
    }

    /// <summary>Runs a signal's handler in the program: without the lock that the host function has which it interrupts.</summary>
    private void RaiseUnlocked(int signal)
    {
        int depth = _kernelDepth;
        _kernelDepth = 0;
        UnlockUnlessExclusive();
        try
        {
            Raise(signal);
        }
        finally
        {
            _kernelDepth = depth;
            if (depth > 0 && !_isLocked)
            {
                Lock();
            }
        }
    }

    // At a preemption point, while a snapshot is taken.
    private void Park()
    {
        bool wasLocked = Unlock();
        Kernel.World.Park(this);
        if (wasLocked)
        {
            Lock();
        }
    }

    /// <summary>The process waits from here on: gives the lock up, if it has it.</summary>
    /// <returns>For <see cref="EndWait"/>.</returns>
    private bool BeginWait(ProcessState state)
    {
        Kernel.Running.End();
        State = state;
        return Unlock();
    }

    private void EndWait(bool wasLocked)
    {
        if (wasLocked)
        {
            Lock();
            State = ProcessState.Running;
            if (_kernelDepth == 0)
            {
                UnlockUnlessExclusive(); // the process was the only one that might run, and is no longer
            }
        }
        else
        {
            Kernel.World.GoOn(this);
            Runs++;
        }

        Kernel.Running.Begin(this);
    }
}
