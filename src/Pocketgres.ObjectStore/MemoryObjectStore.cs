namespace Pocketgres.ObjectStore;

/// <summary>An object store in memory: for tests, and what the others are compared with.</summary>
internal sealed class MemoryObjectStore : IObjectStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, (byte[] Content, DateTimeOffset Modified)> _objects = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Name => "memory";

    /// <summary>The clock, which tests may set.</summary>
    public Func<DateTimeOffset> Clock { get; init; } = () => DateTimeOffset.UtcNow;

    /// <inheritdoc/>
    public Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (!_objects.TryGetValue(key, out var found))
            {
                return Task.FromResult<StoredObject?>(null);
            }

            byte[] content = found.Content;
            if (range is { } part)
            {
                int start = (int)Math.Min(part.Start, content.Length);
                content = content[start..(int)Math.Min(part.Start + part.Length, content.Length)];
            }

            return Task.FromResult<StoredObject?>(new StoredObject(range is null ? (byte[])content.Clone() : content));
        }
    }

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            return Task.FromResult(_objects.TryAdd(key, (content.ToArray(), Clock())));
        }
    }

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            _objects[key] = (content.ToArray(), Clock());
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            var entries = new List<ObjectEntry>();
            foreach (var (key, value) in _objects)
            {
                if (key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(key, after) > 0)
                {
                    entries.Add(new ObjectEntry(key, value.Content.Length, value.Modified));
                }
            }

            return Task.FromResult(new ObjectList(entries, Clock()));
        }
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            _objects.Remove(key);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
