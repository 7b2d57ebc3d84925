using Pocketgres.Server;

namespace Pocketgres.Http.Admin;

/// <summary>The feeds of changes that somebody looks at, one a database, however many look. Thread-safe.</summary>
internal sealed class ChangeFeeds : IDisposable
{
    // Each holds a session, a slot, and what the log needs for it.
    private const int MaximumFeeds = 2;

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Dictionary<string, ChangeFeed> _feeds = new(StringComparer.Ordinal);

    /// <summary>The changes of a database, read from now on if they were not before. A feed that failed says why, until one that is begun anew with the next look has started.</summary>
    public QueryResult Look(PostgresServer server, string database)
    {
        lock (_lock)
        {
            foreach (string ended in _feeds.Where(f => f.Value.Ended.IsCompleted && f.Key != database).Select(f => f.Key).ToArray())
            {
                _feeds.Remove(ended);
            }

            if (_feeds.TryGetValue(database, out var feed) && !feed.Ended.IsCompleted)
            {
                return feed.Look();
            }

            if (feed is null && _feeds.Count == MaximumFeeds)
            {
                return new QueryResult([], [], $"Others look at the changes of {string.Join(" and ", _feeds.Keys)}: try again when they do not any more.", IsError: true);
            }

            var last = feed?.Look() is { IsError: true } error ? error : null;
            return (_feeds[database] = ChangeFeed.Start(server, database, last, _end.Token)).Look();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Cancel();
        _end.Dispose();
    }
}
