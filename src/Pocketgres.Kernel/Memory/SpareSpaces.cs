namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Address spaces of processes that have ended, made as they were at the start, for the next process of the same kind that starts from the
/// same image. Its pages are there already: getting them from the host, giving them back and changing the mappings costs ten times what copying
/// their content does, and stops all other threads that do the same. Belongs to the image and is freed with it. Thread-safe.
/// </summary>
/// <param name="patience">How long a space waits for its next process; null: as long as the image.</param>
internal sealed unsafe class SpareSpaces(TimeSpan? patience) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Spare> _spares = []; // the last one has waited least
    private Timer? _timer; // runs while there is something that may wait too long
    private bool _disposed;

    /// <summary>Spaces of a kind that are kept: as many as processes run side by side. Each holds the pages that its process wrote, 1 to 3 MB.</summary>
    public static int MaximumPerKind { get; } = Math.Clamp(Environment.ProcessorCount, 2, 8);

    /// <summary>A reservation with all its mappings and pages. Who has it frees it or gives it on.</summary>
    /// <param name="Kind">What ran in it.</param>
    /// <param name="Size">Accessible bytes.</param>
    /// <param name="Region">See <see cref="AddressSpace.Region"/>.</param>
    /// <param name="Cloned">A clone's copy-on-write memory, or null.</param>
    /// <param name="HasClonedPages">Whether pages for what clones write there are in this space.</param>
    public sealed record Spare(string Kind, long Size, nint Region, ClonedPart? Cloned, bool HasClonedPages)
    {
        /// <summary>When it was kept, in milliseconds (<see cref="Environment.TickCount64"/>).</summary>
        public long Since { get; } = Environment.TickCount64;
    }

    /// <summary>Spaces that are kept.</summary>
    public int Count => Kept.Count;

    /// <summary>Those that are kept at the moment.</summary>
    public IReadOnlyList<Spare> Kept
    {
        get
        {
            lock (_lock)
            {
                return [.. _spares];
            }
        }
    }

    /// <summary>Whether one more would be kept. A hint.</summary>
    public bool Wants(string kind)
    {
        lock (_lock)
        {
            return HasRoom(kind);
        }
    }

    /// <summary>Keeps a space; false when it is to be freed.</summary>
    public bool TryAdd(Spare spare)
    {
        lock (_lock)
        {
            if (!HasRoom(spare.Kind))
            {
                return false;
            }

            _spares.Add(spare);
            if (patience is { } time && _timer is null)
            {
                _timer = new Timer(static s => ((SpareSpaces)s!).FreeOld(), this, time, Timeout.InfiniteTimeSpan);
            }

            return true;
        }
    }

    /// <summary>A space for a new process, or null.</summary>
    public Spare? TryTake(string kind, long size, ClonedPart? cloned)
    {
        lock (_lock)
        {
            for (int i = _spares.Count - 1; i >= 0; i--)
            {
                var spare = _spares[i];
                if (spare.Kind == kind && spare.Size == size && spare.Cloned == cloned)
                {
                    _spares.RemoveAt(i);
                    return spare;
                }
            }

            return null;
        }
    }

    /// <summary>Frees what is kept; from now on nothing is.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            StopTimer();
            foreach (var spare in _spares)
            {
                AddressArena.Release((byte*)spare.Region);
            }

            _spares.Clear();
        }
    }

    private bool HasRoom(string kind)
    {
        int count = 0;
        foreach (var spare in _spares)
        {
            count += spare.Kind == kind ? 1 : 0;
        }

        return !_disposed && count < MaximumPerKind;
    }

    private void FreeOld()
    {
        lock (_lock)
        {
            long now = Environment.TickCount64, limit = (long)patience!.Value.TotalMilliseconds;
            int old = 0;
            while (old < _spares.Count && now - _spares[old].Since >= limit)
            {
                AddressArena.Release((byte*)_spares[old++].Region);
            }

            _spares.RemoveRange(0, old);
            if (_spares.Count == 0)
            {
                StopTimer();
            }
            else
            {
                _ = _timer?.Change(limit - (now - _spares[0].Since), Timeout.Infinite);
            }
        }
    }

    private void StopTimer()
    {
        _timer?.Dispose();
        _timer = null;
    }
}

/// <summary>A clone's copy-on-write memory in an address space.</summary>
/// <param name="Address">Where it is mapped.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Origin">The content that the clone started with.</param>
internal sealed record ClonedPart(uint Address, long Length, MemoryImage Origin);
