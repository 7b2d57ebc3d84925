namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// While somebody waits for the global lock, looks every millisecond whether the holder has had its time slice. Parks when nobody
/// waits, so that an idle server costs nothing.
/// </summary>
internal sealed class PreemptionTimer : IDisposable
{
    private const int IdleTicksBeforeParking = 16;

    private readonly Scheduler _scheduler;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Lock _lifetime = new();
    private Thread? _thread;
    private int _armed;
    private bool _disposed;

    public PreemptionTimer(Scheduler scheduler) => _scheduler = scheduler;

    /// <summary>Makes sure the timer runs. Called by each thread that begins to wait.</summary>
    public void Arm()
    {
        if (Volatile.Read(ref _armed) != 0 || Interlocked.Exchange(ref _armed, 1) != 0)
        {
            return;
        }

        if (_thread is null)
        {
            lock (_lifetime)
            {
                if (_thread is null && !_disposed)
                {
                    _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = "pg-preempt" };
                    _thread.Start();
                }
            }
        }

        _wake.Release();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Thread? thread;
        lock (_lifetime)
        {
            _disposed = true;
            thread = _thread;
        }

        _wake.Release();
        thread?.Join();
        _wake.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _wake.Wait();
            for (int idle = 0; idle < IdleTicksBeforeParking && !Volatile.Read(ref _disposed);)
            {
                Thread.Sleep(1);
                _scheduler.Current?.PokeOutput();
                if (_scheduler.Waiting == 0)
                {
                    idle++;
                    continue;
                }

                idle = 0;
                _scheduler.PokeHolder();
            }

            if (Volatile.Read(ref _disposed))
            {
                return;
            }

            // A waiter that came between the last look and this line saw the timer armed: look once more. The exchange is a full
            // fence: the look must not be answered from before _armed is 0 for all to see.
            Interlocked.Exchange(ref _armed, 0);
            if (_scheduler.Waiting != 0)
            {
                Arm();
            }
        }
    }
}
