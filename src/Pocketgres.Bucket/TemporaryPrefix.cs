using System.Text;
using Pocketgres.Bucket.Collection;
using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>
/// A prefix beside a cluster's, for a clone, a snapshot or a database of tests: removed with this object. Counted references: one of whose objects another
/// temporary branch reads stays until that one is gone. Thread-safe.
/// </summary>
/// <remarks>
/// What killed processes leave is removed when the next one is made beside the same cluster, once nothing below it was written for a day; for that, those in
/// use write an object each hour. So a process that stood still for more than a day may find its clones gone. A prefix of which somebody has made a branch stays.
/// </remarks>
internal sealed class TemporaryPrefix : IAsyncDisposable
{
    private const string Infix = ".temporary-";
    private const string Sign = "temporary";
    private const int Parallel = 8;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20), s_signInterval = TimeSpan.FromHours(1), s_abandonedAfter = TimeSpan.FromDays(1);

    private readonly Func<IObjectStore> _open;
    private readonly TemporaryPrefix? _needs;
    private readonly Timer _signs;
    private readonly Lock _lock = new();
    private Task _sign = Task.CompletedTask;
    private int _references = 1;

    /// <summary>A prefix that is there, or is to be.</summary>
    /// <param name="bucket">The bucket; opened when something is to be done.</param>
    /// <param name="prefix">The prefix, with a slash at its end.</param>
    /// <param name="needs">Of what it is a branch; a reference is taken.</param>
    /// <exception cref="ObjectDisposedException">That one is gone.</exception>
    public TemporaryPrefix(StoreUrl bucket, string prefix, TemporaryPrefix? needs)
    {
        Prefix = prefix;
        _open = () => new RetryingObjectStore(bucket.Open(Environment.GetEnvironmentVariable), s_patience);
        _needs = needs?.AddReference();
        _signs = new Timer(_ => _sign = SignAsync(), null, s_signInterval, s_signInterval);
    }

    /// <summary>The prefix, with a slash at its end.</summary>
    public string Prefix { get; }

    /// <summary>The object by which the cluster that it is a branch of knows of it; null when it is none.</summary>
    public string? Marker { get; set; }

    /// <summary>A new name beside a cluster. Beside another temporary one, it is a sibling and not an ever longer name.</summary>
    /// <param name="prefix">The cluster's, with a slash at its end.</param>
    public static string NameBeside(string prefix) => $"{Stem(prefix)}{Guid.NewGuid():N}/";

    /// <summary>Adds a reference.</summary>
    /// <exception cref="ObjectDisposedException">The last one was dropped.</exception>
    public TemporaryPrefix AddReference()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_references == 0, this);
            _references++;
            return this;
        }
    }

    /// <summary>Leaves the prefix where it is, for good: it is what it was made for. Instead of dropping the only reference.</summary>
    public async ValueTask KeepAsync()
    {
        await _signs.DisposeAsync().ConfigureAwait(false);
        if (_needs is not null)
        {
            await _needs.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Drops a reference; with the last one, all objects go.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (--_references > 0)
            {
                return;
            }
        }

        await _signs.DisposeAsync().ConfigureAwait(false);
        await _sign.ConfigureAwait(false);
        try
        {
            using var bucket = _open();
            if (await RemoveAsync(bucket, Prefix).ConfigureAwait(false) && Marker is not null)
            {
                await bucket.DeleteAsync(Marker).ConfigureAwait(false);
            }
        }
        catch (ObjectStoreException)
        {
            // The next one made beside the same cluster tries again.
        }

        if (_needs is not null)
        {
            await _needs.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Removes what killed processes have left beside a cluster.</summary>
    /// <param name="bucket">The whole bucket.</param>
    /// <param name="prefix">The cluster's prefix, with a slash at its end.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ObjectStoreException">The store refuses.</exception>
    public static async Task RemoveLeftoversAsync(IObjectStore bucket, string prefix, CancellationToken cancellationToken)
    {
        string stem = Stem(prefix);
        var list = await bucket.ListAsync(stem, null, cancellationToken).ConfigureAwait(false);
        var left = list.Entries.GroupBy(e => e.Key[..(e.Key.IndexOf('/', stem.Length) + 1)], StringComparer.Ordinal)
            .Where(g => g.Key.Length > 0 && g.All(e => e.LastModified <= list.Time - s_abandonedAfter))
            .ToDictionary(g => g.Key, StringComparer.Ordinal);
        bool isWhole;
        do
        {
            isWhole = true;
            foreach (var (name, objects) in left.ToList())
            {
                if (await IsNeededAsync(bucket, objects, left.ContainsKey, cancellationToken).ConfigureAwait(false))
                {
                    isWhole = !left.Remove(name); // so what that one needs stays too
                }
            }
        }
        while (!isWhole);

        foreach (var objects in left.Values)
        {
            await RemoveAsync(bucket, objects, cancellationToken).ConfigureAwait(false);
        }
    }

    // Whether it has a branch that stays.
    private static async Task<bool> IsNeededAsync(IObjectStore bucket, IEnumerable<ObjectEntry> objects, Predicate<string> isGoing, CancellationToken cancellationToken)
    {
        foreach (var entry in objects.Where(IsMarker))
        {
            try
            {
                if (await bucket.GetAsync(entry.Key, null, cancellationToken).ConfigureAwait(false) is { } found)
                {
                    string place = BranchNeeds.Parse(entry.Key, found.Content).Place[1..];
                    if (!isGoing(place) && (await bucket.ListAsync(place, null, cancellationToken).ConfigureAwait(false)).Entries.Count > 0)
                    {
                        return true;
                    }
                }
            }
            catch (DamagedObjectException)
            {
                return true;
            }
        }

        return false;
    }

    // False when there are branches of it, which need what is there. What was on its way while this process gave it up may come later.
    private static async Task<bool> RemoveAsync(IObjectStore bucket, string prefix)
    {
        while (true)
        {
            var list = await bucket.ListAsync(prefix).ConfigureAwait(false);
            if (list.Entries.Count == 0 || list.Entries.Any(IsMarker))
            {
                return list.Entries.Count == 0;
            }

            await RemoveAsync(bucket, list.Entries, CancellationToken.None).ConfigureAwait(false);
        }
    }

    // First what says that it is a cluster: nobody opens half of one.
    private static async Task RemoveAsync(IObjectStore bucket, IEnumerable<ObjectEntry> objects, CancellationToken cancellationToken)
    {
        foreach (var format in objects.Where(IsFormat))
        {
            await bucket.DeleteAsync(format.Key, cancellationToken).ConfigureAwait(false);
        }

        foreach (var some in objects.Where(e => !IsFormat(e)).Chunk(Parallel))
        {
            await Task.WhenAll(some.Select(e => bucket.DeleteAsync(e.Key, cancellationToken))).ConfigureAwait(false);
        }
    }

    private static bool IsFormat(ObjectEntry entry) => entry.Key.EndsWith("/" + Keys.Format, StringComparison.Ordinal);

    private static bool IsMarker(ObjectEntry entry) => entry.Key.Contains("/" + Keys.Branches, StringComparison.Ordinal);

    private static string Stem(string prefix)
    {
        int infix = prefix.IndexOf(Infix, StringComparison.Ordinal);
        return (infix < 0 ? prefix.TrimEnd('/') : prefix[..infix]) + Infix;
    }

    private async Task SignAsync()
    {
        try
        {
            using var bucket = _open();
            await bucket.PutAsync(Prefix + Sign, Encoding.UTF8.GetBytes("a clone, snapshot or test database of a process, which removes it\n")).ConfigureAwait(false);
        }
        catch (ObjectStoreException)
        {
            // There are more to come.
        }
    }
}
