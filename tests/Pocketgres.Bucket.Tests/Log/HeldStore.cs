using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Tests.Log;

/// <summary>A store that answers none of some requests before all of them were made.</summary>
/// <param name="inner">The store.</param>
/// <param name="together">The requests: method and key.</param>
sealed class HeldStore(IObjectStore inner, params string[] together) : IObjectStore
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    readonly HashSet<string> _missing = [.. together];
    readonly TaskCompletionSource _allMade = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Name => inner.Name;

    public async Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        await HoldAsync("GET " + key);
        return await inner.GetAsync(key, range, cancellationToken);
    }

    public async Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        await HoldAsync("CREATE " + key);
        return await inner.CreateAsync(key, content, cancellationToken);
    }

    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default) => inner.PutAsync(key, content, cancellationToken);

    public async Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        await HoldAsync("LIST " + prefix);
        return await inner.ListAsync(prefix, after, cancellationToken);
    }

    public Task DeleteAsync(string key, CancellationToken cancellationToken = default) => inner.DeleteAsync(key, cancellationToken);

    public void Dispose() => inner.Dispose();

    Task HoldAsync(string request)
    {
        lock (_missing)
        {
            if (!together.Contains(request))
            {
                return Task.CompletedTask;
            }

            _missing.Remove(request);
            if (_missing.Count == 0)
            {
                _allMade.TrySetResult();
            }
        }

        return _allMade.Task.WaitAsync(s_patience);
    }
}
