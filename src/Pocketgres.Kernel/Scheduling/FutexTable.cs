namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// Who waits at which address of linear memory (<c>memory.atomic.wait</c>, <c>memory.atomic.notify</c>): shared memory has the same addresses in all processes
/// of a kernel, and at an address of its own a process waits for nobody. Any thread.
/// </summary>
internal sealed class FutexTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<object, List<FutexWaiter>> _waiters = []; // by address, boxed: .NET has native code for dictionaries of objects

    /// <summary>Makes a waiter known if the value at its address still is what it expects.</summary>
    public bool TryAdd(FutexWaiter waiter, Func<bool> isExpected)
    {
        lock (_lock)
        {
            if (!isExpected())
            {
                return false;
            }

            if (!_waiters.TryGetValue(waiter.Address, out var list))
            {
                _waiters[waiter.Address] = list = [];
            }

            list.Add(waiter);
            return true;
        }
    }

    /// <summary>Forgets a waiter, if it still was one.</summary>
    public void Remove(FutexWaiter waiter)
    {
        lock (_lock)
        {
            if (_waiters.TryGetValue(waiter.Address, out var list) && list.Remove(waiter) && list.Count == 0)
            {
                _waiters.Remove(waiter.Address);
            }
        }
    }

    /// <summary>Wakes at most so many waiters, those who came first first, and returns how many it woke.</summary>
    public uint Notify(int address, uint count)
    {
        List<FutexWaiter> woken;
        lock (_lock)
        {
            if (!_waiters.TryGetValue(address, out var list))
            {
                return 0;
            }

            woken = list.GetRange(0, (int)Math.Min(count, (uint)list.Count));
            list.RemoveRange(0, woken.Count);
            if (list.Count == 0)
            {
                _waiters.Remove(address);
            }
        }

        // Without the lock: to wake somebody is a system call.
        woken.ForEach(static w => w.Signal());
        return (uint)woken.Count;
    }
}

/// <summary>One wait of a process at an address of linear memory.</summary>
internal sealed class FutexWaiter(Process process, int address)
{
    private bool _signaled;

    public int Address { get; } = address;

    /// <summary>It was notified. Any thread.</summary>
    public bool IsSignaled => Volatile.Read(ref _signaled);

    public void Signal()
    {
        Volatile.Write(ref _signaled, true);
        process.InterruptWait();
    }
}
