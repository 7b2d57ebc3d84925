namespace Pocketgres.Kernel;

/// <summary>
/// Threads for processes. Starting one costs a quarter of a millisecond (the host maps a stack, .NET waits for the thread to come up), so a thread
/// whose process has ended is kept for a while and runs the next one, of whatever kernel. Thread-safe.
/// </summary>
public sealed class ProcessThreads : IDisposable
{
    private const int MaximumIdle = 16;

    /// <summary>How long what a process has left waits for the next one: its thread here, its address space in <see cref="Memory.SpareSpaces"/>.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly Stack<Worker> _idle = new();
    private readonly int _stackSize;
    private bool _disposed;

    /// <summary>Creates an empty pool.</summary>
    /// <param name="stackSize">See <see cref="KernelOptions.StackSize"/>.</param>
    public ProcessThreads(int stackSize = KernelOptions.DefaultStackSize) => _stackSize = stackSize;

    /// <summary>Stack of each thread, bytes.</summary>
    internal int StackSize => _stackSize;

    /// <summary>Ends idle threads; those that run a process end with it.</summary>
    public void Dispose()
    {
        List<Worker> idle;
        lock (_lock)
        {
            _disposed = true;
            idle = [.. _idle];
            _idle.Clear();
        }

        foreach (var worker in idle)
        {
            worker.Wake(null, "");
            worker.Thread.Join();
        }
    }

    /// <summary>Runs <paramref name="body"/>, which must not throw, on a thread of its own.</summary>
    internal void Run(Action body, string name)
    {
        Worker? worker;
        lock (_lock)
        {
            _idle.TryPop(out worker);
        }

        if (worker is not null)
        {
            worker.Wake(body, name);
            return;
        }

        new Worker(this, body, name).Thread.Start();
    }

    private bool Park(Worker worker)
    {
        lock (_lock)
        {
            if (_disposed || _idle.Count >= MaximumIdle)
            {
                return false;
            }

            _idle.Push(worker);
            return true;
        }
    }

    /// <summary>False when somebody has taken the worker off the stack meanwhile: it is about to be woken.</summary>
    private bool TryRetire(Worker worker)
    {
        lock (_lock)
        {
            if (!_idle.Contains(worker))
            {
                return false;
            }

            var others = _idle.Where(w => w != worker).Reverse().ToList();
            _idle.Clear();
            others.ForEach(_idle.Push);
            return true;
        }
    }

    private sealed class Worker
    {
        private readonly ProcessThreads _pool;
        private readonly object _gate = new();
        private Action? _body;
        private string _name;
        private bool _woken;

        public Worker(ProcessThreads pool, Action body, string name)
        {
            _pool = pool;
            _body = body;
            _name = name;
            Thread = new Thread(Run, pool._stackSize) { IsBackground = true };
        }

        public Thread Thread { get; }

        /// <summary>Gives a parked worker something to do; null ends it.</summary>
        public void Wake(Action? body, string name)
        {
            lock (_gate)
            {
                _body = body;
                _name = name;
                _woken = true;
                Monitor.Pulse(_gate);
            }
        }

        private void Run()
        {
            while (_body is { } body)
            {
                Thread.Name = _name;
                _body = null;
                body();
                if (!_pool.Park(this) || (!WaitForWork(Patience) && _pool.TryRetire(this)))
                {
                    return;
                }

                WaitForWork(Timeout.InfiniteTimeSpan);
                _woken = false;
            }
        }

        private bool WaitForWork(TimeSpan patience)
        {
            lock (_gate)
            {
                while (!_woken)
                {
                    if (!Monitor.Wait(_gate, patience))
                    {
                        return _woken;
                    }
                }

                return true;
            }
        }
    }
}
