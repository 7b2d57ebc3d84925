namespace Pocketgres.ObjectStore.Testing;

/// <summary>How often what goes wrong, each from 0 to 1.</summary>
internal sealed record FaultOptions
{
    /// <summary>The request does not arrive: 429 or 5xx before anything was done.</summary>
    public double Refused { get; init; }

    /// <summary>It is executed, and the answer is lost.</summary>
    public double Lost { get; init; }

    /// <summary>A create or a put is executed, and once more later, as proxies and retries in the network do.</summary>
    public double Repeated { get; init; }

    /// <summary>It is executed late, after requests that were made later.</summary>
    public double Delayed { get; init; }

    /// <summary>The longest delay.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Round trip of every request.</summary>
    public TimeSpan Latency { get; init; }
}

/// <summary>An object store that fails on purpose, as its seed says.</summary>
internal sealed class FaultyObjectStore(IObjectStore inner, int seed, FaultOptions options) : IObjectStore
{
    private readonly Random _random = new(seed);

    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <summary>What goes wrong from now on.</summary>
    public FaultOptions Options { get; set; } = options;

    /// <inheritdoc/>
    public Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default) =>
        RunAsync(() => inner.GetAsync(key, range, cancellationToken), writes: false, cancellationToken);

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        RunAsync(() => inner.CreateAsync(key, content, CancellationToken.None), writes: true, cancellationToken);

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        RunAsync(
            async () =>
            {
                await inner.PutAsync(key, content, CancellationToken.None).ConfigureAwait(false);
                return true;
            },
            writes: false, // repeated later, it could undo a newer one, which no store does
            cancellationToken);

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default) =>
        RunAsync(() => inner.ListAsync(prefix, after, cancellationToken), writes: false, cancellationToken);

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default) =>
        RunAsync(
            async () =>
            {
                await inner.DeleteAsync(key, CancellationToken.None).ConfigureAwait(false);
                return true;
            },
            writes: false,
            cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private async Task<T> RunAsync<T>(Func<Task<T>> request, bool writes, CancellationToken cancellationToken)
    {
        var options = Options;
        if (options.Latency > TimeSpan.Zero)
        {
            await Task.Delay(options.Latency, cancellationToken).ConfigureAwait(false);
        }

        if (Happens(options.Refused))
        {
            throw new ObjectStoreException(ObjectStoreError.Unavailable, "503 Slow Down (on purpose)");
        }

        if (Happens(options.Delayed))
        {
            await Task.Delay(Part(options.Delay), CancellationToken.None).ConfigureAwait(false);
        }

        bool isRepeated = writes && Happens(options.Repeated);
        var result = await request().ConfigureAwait(false);
        if (isRepeated)
        {
            _ = RepeatAsync(request, options.Delay);
        }

        return Happens(options.Lost) ? throw new ObjectStoreException(ObjectStoreError.Unavailable, "the connection broke (on purpose)") : result;
    }

    private async Task RepeatAsync<T>(Func<Task<T>> request, TimeSpan delay)
    {
        await Task.Delay(Part(delay)).ConfigureAwait(false);
        await request().ConfigureAwait(false);
    }

    private bool Happens(double probability)
    {
        lock (_random)
        {
            return probability > 0 && _random.NextDouble() < probability;
        }
    }

    private TimeSpan Part(TimeSpan whole)
    {
        lock (_random)
        {
            return whole * _random.NextDouble();
        }
    }
}
