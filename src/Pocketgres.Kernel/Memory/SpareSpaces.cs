namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Address spaces of clones' processes that have ended, made as they were at the start, for the next process of the same kind that starts from the
/// same image. Its pages are there already: getting them from the host, giving them back and changing the mappings costs ten times what copying
/// their content does, and stops all other threads that do the same. Belongs to the image and is freed with it. Thread-safe.
/// </summary>
internal sealed unsafe class SpareSpaces : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Spare> _spares = [];
    private bool _disposed;

    /// <summary>Spaces of a kind that are kept: as many as tests run side by side. Each holds the pages that its process wrote, 1 to 3 MB.</summary>
    public static int MaximumPerKind { get; } = Math.Clamp(Environment.ProcessorCount, 2, 8);

    /// <summary>A reservation with all its mappings and pages. Who has it frees it or gives it on.</summary>
    /// <param name="Kind">What ran in it.</param>
    /// <param name="Size">Accessible bytes.</param>
    /// <param name="Region">See <see cref="AddressSpace.Region"/>.</param>
    /// <param name="Cloned">Where a clone's copy-on-write memory is mapped, and from which image.</param>
    /// <param name="HasClonedPages">Whether pages for what clones write there are in this space.</param>
    public sealed record Spare(string Kind, long Size, nint Region, (uint Address, long Length, MemoryImage Origin) Cloned, bool HasClonedPages);

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
            return !_disposed && _spares.Count(s => s.Kind == kind) < MaximumPerKind;
        }
    }

    /// <summary>Keeps a space; false when it is to be freed.</summary>
    public bool TryAdd(Spare spare)
    {
        lock (_lock)
        {
            if (_disposed || _spares.Count(s => s.Kind == spare.Kind) >= MaximumPerKind)
            {
                return false;
            }

            _spares.Add(spare);
            return true;
        }
    }

    /// <summary>A space for a new process, or null.</summary>
    public Spare? TryTake(string kind, long size, (uint Address, long Length, MemoryImage Origin) cloned)
    {
        lock (_lock)
        {
            int i = _spares.FindLastIndex(s => s.Kind == kind && s.Size == size && s.Cloned == cloned);
            if (i < 0)
            {
                return null;
            }

            var spare = _spares[i];
            _spares.RemoveAt(i);
            return spare;
        }
    }

    /// <summary>Frees what is kept; from now on nothing is.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var spare in _spares)
            {
                AddressArena.Release((byte*)spare.Region);
            }

            _spares.Clear();
        }
    }
}
