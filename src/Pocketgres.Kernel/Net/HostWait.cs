using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// Where a thread of the host, or a method of its that awaits, sleeps until a process has done something. One sleeper at a time:
/// <c>Prepare; look again; Sleep or DoNotSleep</c>. What happens between the two looks is not missed.
/// </summary>
internal sealed class HostWait : IValueTaskSource
{
    private const int Nobody = 0, Thread = 1, Task = 2;

    private readonly int[] _pinned = GC.AllocateArray<int>(1, pinned: true);
    private readonly unsafe int* _sleeper; // a futex, in the array
    private ManualResetValueTaskSourceCore<bool> _task = new() { RunContinuationsAsynchronously = true };

    public unsafe HostWait() => _sleeper = (int*)Unsafe.AsPointer(ref _pinned[0]);

    /// <summary>When a sleeper was last woken, as <see cref="Stopwatch.GetTimestamp"/>: it runs again some 50 us later. For the sleeper, once awake.</summary>
    public long SignalTime { get; private set; }

    /// <summary>Wakes the sleeper, if there is one. Any thread, after what it waits for is to be seen. Returns whether there was one.</summary>
    public unsafe bool Signal()
    {
        // Pairs with PrepareThread and PrepareTask: either the sleeper is seen here, or it sees what was done before.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref *_sleeper) == Nobody)
        {
            return false;
        }

        SignalTime = Stopwatch.GetTimestamp();
        switch (Become(Nobody))
        {
            case Thread:
                Libc.FutexWake(_sleeper);
                break;
            case Task:
                _task.SetResult(true);
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>Before the second look of a thread that will <see cref="Sleep"/>.</summary>
    public void PrepareThread() => Become(Thread);

    /// <summary>Before the second look of a method that will <see cref="SleepAsync"/>.</summary>
    public void PrepareTask()
    {
        _task.Reset();
        Become(Task);
    }

    /// <summary>Sleeps until <see cref="Signal"/>; false when the time was over before.</summary>
    /// <param name="milliseconds">At most so long; -1 for ever.</param>
    public unsafe bool Sleep(int milliseconds)
    {
        long begin = Environment.TickCount64;
        while (Volatile.Read(ref *_sleeper) == Thread)
        {
            long left = milliseconds < 0 ? -1 : milliseconds - (Environment.TickCount64 - begin);
            if (milliseconds >= 0 && left <= 0)
            {
                return Become(Nobody) == Nobody;
            }

            Libc.FutexWait(_sleeper, Thread, left);
        }

        return true;
    }

    /// <summary>Completes at <see cref="Signal"/>, or as canceled. The rest of the method that awaits it runs on the thread pool.</summary>
    /// <param name="needless">The second look found something.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async ValueTask SleepAsync(bool needless, CancellationToken cancellationToken)
    {
        // A signal that is on its way must come before the next Reset.
        if (needless && Become(Nobody) != Nobody)
        {
            return;
        }

        using var registration = cancellationToken.UnsafeRegister(static (wait, token) => ((HostWait)wait!).Cancel(token), this);
        await new ValueTask(this, _task.Version).ConfigureAwait(false);
    }

    /// <summary>Instead of <see cref="Sleep"/>, after the second look found something.</summary>
    public void DoNotSleep() => Become(Nobody);

    void IValueTaskSource.GetResult(short token) => _task.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _task.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _task.OnCompleted(continuation, state, token, flags);

    private unsafe int Become(int sleeper) => Interlocked.Exchange(ref *_sleeper, sleeper);

    private unsafe void Cancel(CancellationToken token)
    {
        if (Interlocked.CompareExchange(ref *_sleeper, Nobody, Task) == Task)
        {
            _task.SetException(new OperationCanceledException(token));
        }
    }
}
