using System.Diagnostics;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// The global lock. The module was compiled without atomics, so one process at a time runs translated code; the lock is given up only
/// in blocking host calls and at preemption points, where the program holds no spinlock.
/// </summary>
/// <remarks>
/// Two queues: those woken from a blocking wait (they are about to answer somebody) go before those that were preempted (they were
/// computing), but a preempted one waits at most <see cref="LongestWait"/>. A release wakes one waiter without handing the lock
/// over, so that the releasing thread or a newcomer may take it again at once (a hand-over costs a context switch);
/// a yield hands it over, because it was asked for. One waiter at a time does not sleep, but spins (Scheduler.Spinning.cs).
/// </remarks>
internal sealed unsafe partial class Scheduler : IDisposable
{
    /// <summary>How long a process may run while others wait before it is asked to yield.</summary>
    public static readonly long TimeSlice = Stopwatch.Frequency / 5000; // 200 us

    private static readonly long LongestWait = Stopwatch.Frequency / 100; // 10 ms

    private const int SpinsForLock = 100; // some 10 us
    private const int RequestsOfAClient = 4; // in a window; Postgres' own workers wake up a few times a second

    private readonly Lock _queues = new();
    private readonly PreemptionTimer _timer;
    private SchedulerQueue _woken;
    private SchedulerQueue _preempted;
    private bool _held;
    private bool _wakeInFlight; // somebody was woken to compete and has not tried yet: waking a second one would only cost
    private int _waiting;
    private long _acquiredAt;
    private volatile Process? _current;
    private Process? _last; // this and the counters: written under the lock
    private long _requests;
    private long _clients;
    private long _sections;
    private int _activeSections;
    private int _sectionsHeldOff;
    private long _switches;

    /// <summary>Creates it.</summary>
    /// <param name="threads">For the timer and the sender.</param>
    /// <param name="busyWait">Whether threads may look for work without sleeping.</param>
    public Scheduler(ProcessThreads threads, bool busyWait)
    {
        _maySpin = busyWait && Environment.ProcessorCount > 1;
        Cores = new CorePacking(mayUseSender: busyWait);
        Sender = new OutputSender(threads);
        _timer = new PreemptionTimer(this, threads);
    }

    /// <summary>The process that holds the lock, or null.</summary>
    public Process? Current => _current;

    /// <summary>How often another process than the last one took the lock. Any thread.</summary>
    public long Switches => Volatile.Read(ref _switches);

    /// <summary>True while a process holds the lock or waits for it.</summary>
    public bool Busy => _current is not null || Waiting != 0;

    /// <summary>Number of threads that sleep until they get the lock.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>True while somebody wants the lock, asleep or spinning. Any thread.</summary>
    public bool Wanted => Waiting != 0 || Spinning;

    /// <summary>Stopwatch time at which the current holder got the lock.</summary>
    public long AcquiredAt => Volatile.Read(ref _acquiredAt);

    /// <summary>Where the threads of processes run.</summary>
    public CorePacking Cores { get; }

    /// <summary>Sends the processes' output for them, while there is a crowd.</summary>
    public OutputSender Sender { get; }

    /// <summary>A look at the lock, without taking it. Any thread.</summary>
    public LockActivity Activity =>
        new(Volatile.Read(ref _requests), Volatile.Read(ref _clients), Switches, Volatile.Read(ref _sections), Volatile.Read(ref _activeSections),
            Held: _current is not null, Waited: Wanted);

    /// <summary>How often a process gave up the lock because others waited.</summary>
    public long Preemptions { get; private set; }

    /// <summary>Counts a wait for a descriptor that ended with something to do. Under the lock.</summary>
    /// <param name="process">Which has waited.</param>
    /// <param name="clientCore">The core where its client runs; negative when nobody has looked.</param>
    public void CountRequest(Process process, int clientCore)
    {
        Cores.Clients.Count(clientCore);
        _requests++;
        if (process.RequestsWindow != Cores.Window)
        {
            process.RequestsWindow = Cores.Window;
            process.Requests = 0;
        }

        if (++process.Requests == RequestsOfAClient)
        {
            _clients++;
        }
    }

    /// <summary>Counts a private section that begins, unless none may. Under the lock.</summary>
    public bool TryBeginPrivateSection()
    {
        if (Volatile.Read(ref _sectionsHeldOff) != 0)
        {
            return false;
        }

        _sections++;
        _activeSections++;
        return true;
    }

    /// <summary>Processes in a private section. Under the lock.</summary>
    public int ActiveSections => _activeSections;

    /// <summary>No private section begins until <see cref="AllowPrivateSections"/>. Any thread; calls nest.</summary>
    public void HoldOffPrivateSections() => Interlocked.Increment(ref _sectionsHeldOff);

    /// <summary>Ends what <see cref="HoldOffPrivateSections"/> began.</summary>
    public void AllowPrivateSections() => Interlocked.Decrement(ref _sectionsHeldOff);

    /// <summary>Counts a private section that has ended. Under the lock.</summary>
    public void EndPrivateSection() => _activeSections--;

    /// <summary>
    /// Waits a moment, busily, while the lock is taken: a process that ran without it needs it every few microseconds, for a few microseconds, and so
    /// do the others like it. Waiting on a futex for that would cost more than the whole section.
    /// </summary>
    public void AwaitLock()
    {
        if (Cores.Packed)
        {
            return;
        }

        for (int i = 0; i < SpinsForLock && Volatile.Read(ref _held); i++)
        {
            Thread.SpinWait(10);
        }
    }

    /// <summary>Takes the lock for a process.</summary>
    /// <param name="process">The calling thread's process.</param>
    /// <param name="preempted">True when it was just preempted, so that woken processes go first.</param>
    public void Acquire(Process process, bool preempted = false)
    {
        Cores.Follow(process);
        Lock(process.Waiter, preempted);
        _current = process;
        process.Runs++;
        if (_last != process)
        {
            _last = process;
            _switches++;
        }

        if (process.Kernel.Cloned is { } shared && process.MappedSpace is { } space)
        {
            shared.GiveTo(space);
        }
    }

    /// <summary>Gives the lock up, before a blocking call or at exit.</summary>
    public void Release()
    {
        _current = null;
        Unlock(handOver: false);
    }

    /// <summary>Lets a waiter run, if there is one, then takes the lock again.</summary>
    public void Yield(Process process)
    {
        if (Volatile.Read(ref _waiting) == 0)
        {
            return;
        }

        Preemptions++;
        _current = null;
        Unlock(handOver: true);
        Acquire(process, preempted: true);
    }

    /// <summary>Runs <paramref name="action"/> under the lock on a thread that is no process (the host's).</summary>
    public T RunLocked<T>(Func<T> action)
    {
        using var waiter = new SchedulerWaiter();
        Lock(waiter, preempted: false);
        try
        {
            return action();
        }
        finally
        {
            Unlock(handOver: false);
        }
    }

    /// <summary>Asks the holder to yield if it has had its time slice. Any thread.</summary>
    public void PokeHolder()
    {
        if (Stopwatch.GetTimestamp() - Volatile.Read(ref _acquiredAt) >= TimeSlice)
        {
            _current?.RequestReschedule();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Lock(SchedulerWaiter waiter, bool preempted)
    {
        bool retry = false, maySpin = !preempted;
        while (true)
        {
            bool spin;
            lock (_queues)
            {
                if (retry)
                {
                    _wakeInFlight = false;
                }

                if (!_held && (retry || !preempted || _woken.Count == 0))
                {
                    Take();
                    return;
                }

                spin = maySpin && TryBeginSpinning();
                if (!spin)
                {
                    Enqueue(waiter, preempted, first: retry);
                }
            }

            _timer.Arm();
            if (spin)
            {
                if (Spin())
                {
                    return;
                }

                maySpin = false; // it sleeps first
                continue;
            }

            if (!preempted)
            {
                PokeHolder();
            }

            while (Volatile.Read(ref *waiter.Gate) == SchedulerWaiter.Closed)
            {
                Libc.FutexWait(waiter.Gate, SchedulerWaiter.Closed);
            }

            if (Volatile.Read(ref *waiter.Gate) == SchedulerWaiter.Owner)
            {
                return;
            }

            retry = true;
            maySpin = !preempted;
        }
    }

    // Under _queues.
    private void Take()
    {
        _held = true;
        Volatile.Write(ref _acquiredAt, Stopwatch.GetTimestamp());
    }

    // Under _queues.
    private void Enqueue(SchedulerWaiter waiter, bool preempted, bool first)
    {
        Volatile.Write(ref *waiter.Gate, SchedulerWaiter.Closed);
        if (first)
        {
            Queue(preempted).AddFirst(waiter);
        }
        else
        {
            waiter.QueuedAt = Stopwatch.GetTimestamp();
            Queue(preempted).AddLast(waiter);
        }

        _waiting = _woken.Count + _preempted.Count;
    }

    private void Unlock(bool handOver)
    {
        int* gate = null;
        lock (_queues)
        {
            bool preemptedDue = _preempted.Count > 0
                && (_woken.Count == 0 || Stopwatch.GetTimestamp() - _preempted.First!.QueuedAt > LongestWait);
            ref var queue = ref Queue(preemptedDue);
            if (queue.Count > 0 && (handOver || (_spinning && HasWaited(queue, LongestWait))))
            {
                // The lock stays held: it is the new owner's. Otherwise the yielding thread, which runs already, would win it back, or who spins.
                Take();
                gate = Dequeue(ref queue, SchedulerWaiter.Owner);
            }
            else
            {
                _held = false;
                if (!_spinning)
                {
                    gate = DequeueToCompete(ref queue);
                }
            }
        }

        WakeUp(gate);
    }

    // Under _queues. Who shall compete for the lock; null if somebody was already told to and has not tried yet, or nobody waits.
    private int* DequeueToCompete(ref SchedulerQueue queue)
    {
        if (_wakeInFlight || queue.Count == 0)
        {
            return null;
        }

        _wakeInFlight = true;
        return Dequeue(ref queue, SchedulerWaiter.Retry);
    }

    // Under _queues. The futex word that is to be woken.
    private int* Dequeue(ref SchedulerQueue queue, int gate)
    {
        var waiter = queue.RemoveFirst();
        _waiting = _woken.Count + _preempted.Count;
        Volatile.Write(ref *waiter.Gate, gate);
        return waiter.Gate;
    }

    private static bool HasWaited(in SchedulerQueue queue, long ticks) => Stopwatch.GetTimestamp() - queue.First!.QueuedAt > ticks;

    private static void WakeUp(int* gate)
    {
        if (gate is not null)
        {
            Libc.FutexWake(gate);
        }
    }

    private ref SchedulerQueue Queue(bool preempted)
    {
        if (preempted)
        {
            return ref _preempted;
        }

        return ref _woken;
    }
}
