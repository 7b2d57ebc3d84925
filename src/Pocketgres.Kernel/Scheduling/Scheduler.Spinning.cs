using System.Diagnostics;

namespace Pocketgres.Kernel.Scheduling;

/// <content>
/// Waiting for the lock without sleeping. A process has it for some 20 us; who sleeps meanwhile must be woken on a core that has gone to sleep too, which costs
/// either side 10 to 50 us on a virtual machine, and what it then does runs half as fast at first, since the core's caches and predictors are cold. So one
/// waiter, not more, spins, and lets everybody else on its core go first: in a crowd it is what keeps a second core awake for the clients. Who has slept for
/// long is woken to be the next one that spins.
/// </content>
internal sealed unsafe partial class Scheduler
{
    // The longest spin, and the longest that the holder may have had the lock: who computes for so long is not about to give it up.
    private static readonly long s_longestSpin = Stopwatch.Frequency / 10_000; // 100 us

    private static readonly long s_patience = Stopwatch.Frequency / 500; // 2 ms asleep, while others who came later got the lock by spinning

    private const int LooksPerYield = 32; // some microseconds

    private readonly bool _maySpin;
    private long _spins; // written under _queues
    private bool _spinning; // written under _queues; while it is set, a release wakes nobody

    /// <summary>How often somebody got the lock by spinning. Any thread.</summary>
    public long Spins => Volatile.Read(ref _spins);

    /// <summary>True while somebody spins. Any thread.</summary>
    public bool Spinning => Volatile.Read(ref _spinning);

    // Under _queues, with the lock held by somebody.
    private bool TryBeginSpinning()
    {
        if (!_maySpin || _spinning || Cores.Packed || HolderComputes(Stopwatch.GetTimestamp()))
        {
            return false;
        }

        Volatile.Write(ref _spinning, true);
        return true;
    }

    // After TryBeginSpinning. True when it has the lock. When not, the caller tries again, and only then sleeps: a release may have left it to us.
    private bool Spin()
    {
        long end = Stopwatch.GetTimestamp() + s_longestSpin;
        for (int look = 1; ; look++)
        {
            if (!Volatile.Read(ref _held) && EndSpinning())
            {
                return true;
            }

            if (look % LooksPerYield != 0)
            {
                Thread.SpinWait(4);
                continue;
            }

            Thread.Yield();
            long now = Stopwatch.GetTimestamp();
            if (now > end || HolderComputes(now))
            {
                lock (_queues)
                {
                    Volatile.Write(ref _spinning, false);
                }

                return false;
            }
        }
    }

    // Takes the lock if it is still free.
    private bool EndSpinning()
    {
        int* gate;
        lock (_queues)
        {
            if (_held)
            {
                return false;
            }

            Take();
            _spins++;
            Volatile.Write(ref _spinning, false);
            gate = _woken.Count > 0 && HasWaited(_woken, s_patience) ? DequeueToCompete(ref _woken) : null;
        }

        WakeUp(gate);
        return true;
    }

    private bool HolderComputes(long now) => now - AcquiredAt > s_longestSpin;
}
