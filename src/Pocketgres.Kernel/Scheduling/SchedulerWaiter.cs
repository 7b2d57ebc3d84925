using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>One thread's place in the scheduler: the futex it sleeps on and its links in a queue. Fields are guarded by the scheduler's queue lock.</summary>
internal sealed unsafe class SchedulerWaiter : IDisposable
{
    /// <summary>Values of <see cref="Gate"/>.</summary>
    public const int Closed = 0, Retry = 1, Owner = 2;

    /// <summary>The futex word: <see cref="Closed"/>, <see cref="Retry"/> (woken, must compete) or <see cref="Owner"/> (the lock was handed over).</summary>
    public readonly int* Gate = (int*)NativeMemory.AllocZeroed(64);

    public SchedulerWaiter? Next;
    public long QueuedAt;

    /// <summary>Frees the futex word. A late FUTEX_WAKE on it is harmless: it only ever wakes somebody spuriously.</summary>
    public void Dispose() => NativeMemory.Free(Gate);
}

/// <summary>A first-in first-out queue linked through the waiters themselves: waiting allocates nothing.</summary>
internal struct SchedulerQueue
{
    private SchedulerWaiter? _first;
    private SchedulerWaiter? _last;

    public int Count { get; private set; }

    public readonly SchedulerWaiter? First => _first;

    public void AddFirst(SchedulerWaiter waiter)
    {
        waiter.Next = _first;
        _first = waiter;
        _last ??= waiter;
        Count++;
    }

    public void AddLast(SchedulerWaiter waiter)
    {
        waiter.Next = null;
        if (_last is null)
        {
            _first = waiter;
        }
        else
        {
            _last.Next = waiter;
        }

        _last = waiter;
        Count++;
    }

    public SchedulerWaiter RemoveFirst()
    {
        var waiter = _first!;
        _first = waiter.Next;
        if (_first is null)
        {
            _last = null;
        }

        waiter.Next = null;
        Count--;
        return waiter;
    }
}
