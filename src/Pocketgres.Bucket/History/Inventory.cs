using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.History;

/// <summary>A numbered object of a cluster, as it was listed.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Entry">The object.</param>
internal readonly record struct Numbered(long Number, ObjectEntry Entry);

/// <summary>A pack, as it was listed.</summary>
/// <param name="Token">Its writer's token.</param>
/// <param name="Number">Its number among that writer's.</param>
/// <param name="Entry">The object.</param>
internal readonly record struct ListedPack(long Token, long Number, ObjectEntry Entry);

/// <summary>What lies at a cluster's prefix, by one listing. Names that are not a cluster's are left out: another one may lie below the prefix.</summary>
internal sealed class Inventory
{
    private readonly List<Numbered> _log = [], _manifests = [];
    private readonly List<ListedPack> _packs = [];
    private readonly List<ObjectEntry> _markers = [], _probes = [];

    /// <summary>Sorts a listing of the whole prefix, or of a part of it.</summary>
    public Inventory(ObjectList list)
    {
        Time = list.Time;
        foreach (var entry in list.Entries)
        {
            if (Keys.TryNumberIn(entry.Key, Keys.Log, out long number))
            {
                _log.Add(new Numbered(number, entry));
            }
            else if (Keys.TryNumberIn(entry.Key, Keys.Manifests, out number))
            {
                _manifests.Add(new Numbered(number, entry));
            }
            else if (Keys.TryPack(entry.Key, out long token, out number))
            {
                _packs.Add(new ListedPack(token, number, entry));
            }
            else if (entry.Key.StartsWith(Keys.Branches, StringComparison.Ordinal))
            {
                _markers.Add(entry);
            }
            else if (entry.Key.StartsWith(Keys.Probes, StringComparison.Ordinal))
            {
                _probes.Add(entry);
            }
        }

        Images = Counting(_manifests);
    }

    /// <summary>The store's clock when it was listed.</summary>
    public DateTimeOffset Time { get; }

    /// <summary>All manifests, in order.</summary>
    public IReadOnlyList<Numbered> Manifests => _manifests;

    /// <summary>The manifests that count, in order: <see cref="Counting"/>.</summary>
    public IReadOnlyList<Numbered> Images { get; }

    /// <summary>The log records, in order, not all without a gap: of what is older than the oldest image, fences may be left.</summary>
    public IReadOnlyList<Numbered> Log => _log;

    /// <summary>The packs.</summary>
    public IReadOnlyList<ListedPack> Packs => _packs;

    /// <summary>What says that branches need this cluster.</summary>
    public IReadOnlyList<ObjectEntry> Markers => _markers;

    /// <summary>What killed probes left.</summary>
    public IReadOnlyList<ObjectEntry> Probes => _probes;

    /// <summary>
    /// Leaves out manifests that were made after one with a higher number: their writer was fenced and did not know it yet, and its packs may be gone. The
    /// newest one always counts.
    /// </summary>
    public static IReadOnlyList<Numbered> Counting(IReadOnlyList<Numbered> manifests)
    {
        var counting = new List<Numbered>();
        var earliest = DateTimeOffset.MaxValue;
        for (int i = manifests.Count - 1; i >= 0; i--)
        {
            if (manifests[i].Entry.LastModified <= earliest)
            {
                earliest = manifests[i].Entry.LastModified;
                counting.Add(manifests[i]);
            }
        }

        counting.Reverse();
        return counting;
    }
}
