namespace Pocketgres;

/// <summary>The names of an instance's snapshots. A name is taken from before the snapshot is made, so that two makers are told apart.</summary>
internal sealed class SnapshotRegistry
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PostgresSnapshot?> _byName = new(StringComparer.Ordinal);

    /// <summary>Takes a name.</summary>
    /// <exception cref="ArgumentException">It is taken.</exception>
    public Reservation Reserve(string? name)
    {
        if (name is not null)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(name);
            lock (_lock)
            {
                if (!_byName.TryAdd(name, null))
                {
                    throw new ArgumentException($"this instance has a snapshot \"{name}\" already: dispose that one first or choose another name", nameof(name));
                }
            }
        }

        return new Reservation(this, name);
    }

    public PostgresSnapshot? Find(string name)
    {
        lock (_lock)
        {
            return _byName.GetValueOrDefault(name);
        }
    }

    public void Remove(PostgresSnapshot snapshot)
    {
        lock (_lock)
        {
            if (snapshot.Name is { } name && _byName.GetValueOrDefault(name) == snapshot)
            {
                _byName.Remove(name);
            }
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _byName.Clear();
        }
    }

    /// <summary>A taken name; given back when no snapshot came to fill it.</summary>
    internal sealed class Reservation(SnapshotRegistry registry, string? name) : IDisposable
    {
        private bool _filled;

        public void Fill(PostgresSnapshot snapshot)
        {
            _filled = true;
            if (name is not null)
            {
                lock (registry._lock)
                {
                    registry._byName[name] = snapshot;
                }
            }
        }

        public void Dispose()
        {
            if (!_filled && name is not null)
            {
                lock (registry._lock)
                {
                    registry._byName.Remove(name);
                }
            }
        }
    }
}
