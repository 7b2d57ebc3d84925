namespace Pocketgres.ObjectStore;

/// <summary>
/// Asks again, with growing pauses, until the store answers or the patience is over. A create whose answer was lost and that is then told "exists" looks at
/// what is there: its own bytes mean that it was the creator. So what is created this way must have bytes that nobody else would write.
/// </summary>
/// <param name="inner">The store.</param>
/// <param name="patience">How long to ask again; infinite for ever, or until cancelled.</param>
internal sealed class RetryingObjectStore(IObjectStore inner, TimeSpan patience) : IObjectStore
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(20), s_longestPause = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <inheritdoc/>
    public Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default) =>
        RunAsync(_ => inner.GetAsync(key, range, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        RunAsync(attempt => attempt == 0 ? inner.CreateAsync(key, content, cancellationToken) : CreateAgainAsync(key, content, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) =>
        RunAsync(
            async _ =>
            {
                await inner.PutAsync(key, content, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default) =>
        RunAsync(_ => inner.ListAsync(prefix, after, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default) =>
        RunAsync(
            async _ =>
            {
                await inner.DeleteAsync(key, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private async Task<bool> CreateAgainAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        await inner.CreateAsync(key, content, cancellationToken).ConfigureAwait(false)
        || (await inner.GetAsync(key, null, cancellationToken).ConfigureAwait(false) is { } found && content.Span.SequenceEqual(found.Content));

    private async Task<T> RunAsync<T>(Func<int, Task<T>> request, CancellationToken cancellationToken)
    {
        long end = patience == Timeout.InfiniteTimeSpan ? long.MaxValue : Environment.TickCount64 + (long)patience.TotalMilliseconds;
        var pause = s_firstPause;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await request(attempt).ConfigureAwait(false);
            }
            catch (ObjectStoreException e) when (e.IsTransient && Environment.TickCount64 + (long)pause.TotalMilliseconds < end)
            {
                // Not all at the same moment.
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
    }
}
