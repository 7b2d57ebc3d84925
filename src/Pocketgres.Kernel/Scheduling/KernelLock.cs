using System.Diagnostics;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// The kernel's lock: held by host functions while they use what processes share (<see cref="KernelLocking"/>), for microseconds as a rule. Translated code runs without it, but where one
/// process at a time shall run (<see cref="PosixKernel.IsExclusive"/>).
/// </summary>
/// <remarks>
/// A futex: free, held, or held with sleepers. It is not handed over: who comes when it is free gets it, so that no waking stands between two holders. Who has waited for
/// <see cref="Patience"/> is due: it asks the holder, who computes, to come to a preemption point, and goes before all that are not. Not reentrant; <see cref="Process"/> counts.
/// </remarks>
internal sealed unsafe class KernelLock
{
    private const int Free = 0, Held = 1, Contended = 2;
    private const int CacheLines = 128; // a pair, which processors fetch together
    private const int Spins = 60; // some 5 us: longer than most hold it, shorter than it takes to sleep and be woken

    private static readonly bool s_maySpin = Environment.ProcessorCount > 1;

    /// <summary>How long a thread waits before it asks the holder to give the lock up, in ticks of <see cref="Stopwatch"/>: 1 ms.</summary>
    public static readonly long Patience = Stopwatch.Frequency / 1000;

    private readonly int* _word = (int*)NativeMemory.AlignedAlloc(CacheLines, CacheLines);
    private volatile Process? _holder;
    private int _due; // waiters that go first
    private long _turns; // written by the holder
    private long _yields, _sleeps; // the same

    public KernelLock() => *_word = Free;

    /// <summary>The process that has it; null for nobody or a thread of the host. Any thread, a look that may be late.</summary>
    public Process? Holder => _holder;

    /// <summary>True while somebody sleeps until it is free, for all one can see. Any thread.</summary>
    public bool IsWanted => Volatile.Read(ref *_word) == Contended;

    /// <summary>How often a process gave it up because others waited.</summary>
    public long Yields => Volatile.Read(ref _yields);

    /// <summary>How often somebody slept until it was free.</summary>
    public long Sleeps => Volatile.Read(ref _sleeps);

    /// <summary>Takes it.</summary>
    /// <param name="process">For whom; null for a thread of the host.</param>
    public void Acquire(Process? process)
    {
        if (Volatile.Read(ref _due) != 0 || Interlocked.CompareExchange(ref *_word, Held, Free) != Free)
        {
            AcquireSlowly();
        }

        _holder = process;
        _turns++;
    }

    /// <summary>Gives it up.</summary>
    public void Release()
    {
        _holder = null;
        if (Interlocked.Exchange(ref *_word, Free) == Contended)
        {
            Libc.FutexWake(_word);
        }
    }

    /// <summary>Lets somebody else have it, if somebody waits, and takes it again.</summary>
    public void Yield(Process process)
    {
        if (!IsWanted)
        {
            return;
        }

        _yields++;
        long turn = _turns, start = Stopwatch.GetTimestamp();
        Release();

        // The sleeper is on its way: who runs already would win the lock back.
        while (Volatile.Read(ref _turns) == turn && Stopwatch.GetTimestamp() - start < Patience)
        {
            Thread.Yield();
        }

        Acquire(process);
    }

    /// <summary>Frees the futex word: not with the kernel, which threads of the host may look at while it ends.</summary>
    ~KernelLock() => NativeMemory.AlignedFree(_word);

    private void AcquireSlowly()
    {
        for (int i = 0; s_maySpin && i < Spins; i++)
        {
            Thread.SpinWait(4);
            if (Volatile.Read(ref *_word) == Free && Volatile.Read(ref _due) == 0 && Interlocked.CompareExchange(ref *_word, Held, Free) == Free)
            {
                return;
            }
        }

        long start = Stopwatch.GetTimestamp();
        bool isDue = false;
        while (!TryAcquireOrMark(isDue))
        {
            Libc.FutexWait(_word, Contended, milliseconds: 1);
            if (Stopwatch.GetTimestamp() - start >= Patience)
            {
                if (!isDue)
                {
                    isDue = true;
                    Interlocked.Increment(ref _due);
                }

                _holder?.RequestReschedule();
            }
        }

        if (isDue)
        {
            Interlocked.Decrement(ref _due);
        }

        _sleeps++;
    }

    // Takes the lock, or marks it as one that somebody sleeps for.
    private bool TryAcquireOrMark(bool isDue)
    {
        if (isDue || Volatile.Read(ref _due) == 0)
        {
            return Interlocked.Exchange(ref *_word, Contended) == Free;
        }

        if (Interlocked.CompareExchange(ref *_word, Contended, Held) == Free)
        {
            Thread.Yield(); // it is on its way to who is due
        }

        return false;
    }
}
