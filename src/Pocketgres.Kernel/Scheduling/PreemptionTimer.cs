using System.Diagnostics;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// While somebody waits for the global lock, looks every millisecond whether the holder has had its time slice. Has no thread when nobody
/// waits, so that an idle server costs nothing.
/// </summary>
internal sealed class PreemptionTimer(Scheduler scheduler, ProcessThreads threads) : IDisposable
{
    private const int IdleTicksBeforeStopping = 16;

    private readonly object _lifetime = new();
    private bool _running;
    private int _armed;
    private bool _disposed;

    /// <summary>Makes sure the timer runs. Called by each thread that begins to wait.</summary>
    public void Arm()
    {
        if (Volatile.Read(ref _armed) != 0 || Interlocked.Exchange(ref _armed, 1) != 0)
        {
            return;
        }

        lock (_lifetime)
        {
            WaitUntilStopped(); // the last run is leaving
            if (_disposed)
            {
                return;
            }

            _running = true;
        }

        threads.Run(Run, "pg-preempt");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lifetime)
        {
            _disposed = true;
            WaitUntilStopped();
        }
    }

    private void WaitUntilStopped()
    {
        while (_running)
        {
            Monitor.Wait(_lifetime);
        }
    }

    private void Run()
    {
        bool again;
        do
        {
            for (int idle = 0; idle < IdleTicksBeforeStopping && !Volatile.Read(ref _disposed);)
            {
                Thread.Sleep(1);
                scheduler.Current?.PokeOutput();
                var seen = scheduler.Activity;
                if (scheduler.Cores.Tick(seen, Stopwatch.GetTimestamp()) || seen.Waited)
                {
                    idle = 0;
                }
                else
                {
                    idle++;
                }

                scheduler.Cores.Follow(scheduler.Sender);
                scheduler.Sender.SendInstead();
                if (seen.Waited)
                {
                    scheduler.PokeHolder();
                }
            }

            scheduler.Cores.EndCrowd(Stopwatch.GetTimestamp());
            scheduler.Cores.Follow(scheduler.Sender);

            // A waiter that came between the last look and this line saw the timer armed: look once more. The exchange is a full
            // fence: the look must not be answered from before _armed is 0 for all to see.
            Interlocked.Exchange(ref _armed, 0);
            again = !Volatile.Read(ref _disposed) && scheduler.Waiting != 0 && Interlocked.Exchange(ref _armed, 1) == 0;
        }
        while (again);
        lock (_lifetime)
        {
            _running = false;
            Monitor.PulseAll(_lifetime);
        }
    }
}
