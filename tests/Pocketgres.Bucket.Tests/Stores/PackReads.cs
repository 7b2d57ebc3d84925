using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Counts the reads of packs.</summary>
sealed class PackReads
{
    int _packs;

    /// <param name="inner">The store; stays the caller's.</param>
    public PackReads(IObjectStore inner) => Store = new WatchedStore(inner, Note);

    /// <summary>The store, counted.</summary>
    public IObjectStore Store { get; }

    public int Packs => Volatile.Read(ref _packs);

    Task Note(string request, string key)
    {
        if (request == "get" && key.Contains("pack/", StringComparison.Ordinal))
        {
            Interlocked.Increment(ref _packs);
        }

        return Task.CompletedTask;
    }
}
