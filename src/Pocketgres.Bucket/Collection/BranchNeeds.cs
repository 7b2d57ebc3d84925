using System.Text;
using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Collection;

/// <summary>Finds what branches of a cluster, and branches of those, read of it.</summary>
/// <remarks>
/// A branch is there when it has a manifest. Its maker writes the marker first, then the manifest, and only then looks whether the image it began with is
/// still there. So who removes an image first and looks for markers and manifests afterwards finds every branch whose maker still saw the image; the others
/// give up. Of a branch, its manifests are read before its markers, for the same reason.
/// </remarks>
/// <param name="store">The cluster's prefix, which must be able to read all of the bucket behind a slash.</param>
/// <param name="prefix">That prefix, with a slash at its end.</param>
internal sealed class BranchNeeds(IObjectStore store, string prefix)
{
    private readonly string _ours = "/" + prefix;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly HashSet<string> _packs = new(StringComparer.Ordinal);
    private readonly List<(long First, long Last)> _log = [];
    private readonly List<ObjectEntry> _empty = [];

    /// <summary>How many branches there are.</summary>
    public int Count { get; private set; }

    /// <summary>Markers of this cluster without a branch: it is being made, its maker has died, or it was removed.</summary>
    public IReadOnlyList<ObjectEntry> WithoutBranch => _empty;

    /// <summary>Whether a branch reads a pack of this cluster.</summary>
    public bool NeedsPack(string key) => _packs.Contains(key);

    /// <summary>Whether a branch reads a log record of this cluster.</summary>
    public bool NeedsRecord(long number) => _log.Exists(r => number >= r.First && number <= r.Last);

    /// <summary>Reads what the branches need that this cluster's markers name and that were not found before.</summary>
    /// <exception cref="DamagedObjectException">A branch cannot be understood, so nothing may be removed.</exception>
    public async Task ReadAsync(IReadOnlyList<ObjectEntry> markers, CancellationToken cancellationToken)
    {
        _empty.Clear();
        foreach (var marker in markers)
        {
            if (!_seen.Contains(marker.Key) && !await ReadAsync(marker.Key, cancellationToken).ConfigureAwait(false))
            {
                _empty.Add(marker);
            }
        }
    }

    // False when there is no branch.
    private async Task<bool> ReadAsync(string marker, CancellationToken cancellationToken)
    {
        var content = await store.GetAsync(marker, null, cancellationToken).ConfigureAwait(false);
        if (content is null)
        {
            return true; // another collection found that nobody needs it
        }

        var (id, place) = Parse(marker, content.Content);
        var format = await store.GetAsync($"{place}{Keys.Format}", null, cancellationToken).ConfigureAwait(false);
        if (format is not null && FormatObject.Decode(format.Content).Cluster != id)
        {
            return false; // the place was taken by somebody else
        }

        bool isThere = false;
        foreach (var entry in (await store.ListAsync($"{place}{Keys.Manifests}", null, cancellationToken).ConfigureAwait(false)).Entries)
        {
            // Removed meanwhile: by the branch's own collection, which has newer ones.
            if (Keys.TryNumberIn(entry.Key, $"{place}{Keys.Manifests}", out long number)
                && await store.GetAsync(entry.Key, null, cancellationToken).ConfigureAwait(false) is { } found)
            {
                Add(Manifest.Decode(found.Content, id, number));
                isThere = true;
            }
        }

        if (isThere)
        {
            Count++;
            _seen.Add(marker);
            foreach (var next in (await store.ListAsync($"{place}{Keys.Branches}", null, cancellationToken).ConfigureAwait(false)).Entries)
            {
                if (!_seen.Contains(next.Key))
                {
                    await ReadAsync(next.Key, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        return isThere;
    }

    private void Add(Manifest manifest)
    {
        foreach (string pack in manifest.Packs())
        {
            if (pack.StartsWith(_ours, StringComparison.Ordinal))
            {
                _packs.Add(pack[_ours.Length..]);
            }
        }

        if (manifest.Origin is { } origin && origin.Prefix == prefix)
        {
            _log.Add((origin.First, origin.Last));
        }
    }

    /// <summary>Which branch a marker is of, and its prefix behind a slash.</summary>
    /// <exception cref="DamagedObjectException">It names none.</exception>
    internal static (Guid Id, string Place) Parse(string key, byte[] content)
    {
        string? target = Array.Find(Encoding.UTF8.GetString(content).Split('\n'), l => l.StartsWith("prefix=", StringComparison.Ordinal))?["prefix=".Length..];
        return target is { Length: > 0 } && target[^1] == '/' && Guid.TryParseExact(key[(key.LastIndexOf('/') + 1)..], "N", out var id)
            ? (id, "/" + target)
            : throw new DamagedObjectException(key, "names no branch: it is damaged");
    }
}
