using System.Globalization;
using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>Whether somebody has a cluster in a bucket open.</summary>
internal enum ClusterUse
{
    /// <summary>It was closed, and nobody has opened it since.</summary>
    Asleep,

    /// <summary>Its holder was alive a moment ago.</summary>
    Open,

    /// <summary>It was not closed, and its holder is silent: killed, or cut off. The next start recovers.</summary>
    Abandoned,
}

/// <summary>What can be seen of a cluster in its bucket by who does not open it: a look, which changes nothing.</summary>
internal sealed record ClusterStatus
{
    /// <summary>Which cluster.</summary>
    public required Guid Cluster { get; init; }

    /// <summary>Whether somebody has it open.</summary>
    public required ClusterUse Use { get; init; }

    /// <summary>Who has it, or had it last and did not say goodbye: host, process; null when it was closed.</summary>
    public string? Holder { get; init; }

    /// <summary>That one's token; 0 for none.</summary>
    public long Token { get; init; }

    /// <summary>How long ago that one was alive, by the store's clock.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>The newest image's number; 0 when there is none yet.</summary>
    public long Image { get; init; }

    /// <summary>When that was made.</summary>
    public DateTime? ImageTime { get; init; }

    /// <summary>Files of the cluster in it, and their bytes.</summary>
    public (int Files, long Bytes) Content { get; init; }

    /// <summary>Log records behind it, and their bytes: what a start reads.</summary>
    public (int Records, long Bytes) Tail { get; init; }

    /// <summary>All objects, and their bytes: what is paid for.</summary>
    public (int Objects, long Bytes) Stored { get; init; }

    /// <summary>Looks at a cluster.</summary>
    /// <param name="store">Its prefix.</param>
    /// <param name="heartbeatLimit">How old a heartbeat is before its holder counts as gone.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="BucketException">There is none, or it cannot be seen.</exception>
    public static async Task<ClusterStatus> ReadAsync(IObjectStore store, TimeSpan heartbeatLimit, CancellationToken cancellationToken)
    {
        try
        {
            var format = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false)
                ?? throw new BucketException(BucketError.Missing, $"there is no cluster at {store.Name}");
            var cluster = FormatObject.Decode(format.Content).Cluster;
            var all = await store.ListAsync("", null, cancellationToken).ConfigureAwait(false);
            var status = new ClusterStatus { Cluster = cluster, Use = ClusterUse.Asleep, Stored = (all.Entries.Count, all.Entries.Sum(e => e.Size)) };
            if (all.Entries.LastOrDefault(e => e.Key.StartsWith(Keys.Manifests, StringComparison.Ordinal)) is { } newest)
            {
                long number = Keys.NumberIn(newest.Key, Keys.Manifests);
                var content = await ReadAsync(store, newest.Key, cancellationToken).ConfigureAwait(false);
                var manifest = Manifest.Decode(content, cluster, number);
                status = status with
                {
                    Image = number, ImageTime = manifest.Time, Content = (manifest.Entries.Count(e => e.FileId != 0), manifest.Entries.Sum(e => e.FileId == 0 ? 0 : e.Size)),
                };
            }

            var tail = all.Entries.Where(e => e.Key.StartsWith(Keys.Log, StringComparison.Ordinal) && Keys.NumberIn(e.Key, Keys.Log) > status.Image).ToList();
            bool isClosed = tail.Count > 0 && await IsCloseAsync(store, cluster, tail[^1], cancellationToken).ConfigureAwait(false);
            status = status with { Tail = (tail.Count, tail.Sum(e => e.Size)), Use = isClosed ? ClusterUse.Asleep : ClusterUse.Abandoned };
            return all.Entries.LastOrDefault(e => e.Key.StartsWith(Keys.Live, StringComparison.Ordinal)) is { } live && !isClosed
                ? await WithHolderAsync(status, store, live, all.Time - live.LastModified, heartbeatLimit, cancellationToken).ConfigureAwait(false)
                : status;
        }
        catch (ObjectStoreException e)
        {
            throw new BucketException(BucketError.Store, e.Message, e);
        }
        catch (DamagedObjectException e)
        {
            throw new BucketException(BucketError.Damaged, $"{store.Name}: {e.Message}", e);
        }
    }

    /// <summary>Asks the holder to close the cluster, and waits until it has.</summary>
    /// <param name="store">The cluster's prefix.</param>
    /// <param name="patience">How long to wait.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>False when it has not by then; it may still.</returns>
    /// <exception cref="ObjectStoreException">The store refuses.</exception>
    public async Task<bool> AskToSleepAsync(IObjectStore store, TimeSpan patience, CancellationToken cancellationToken)
    {
        var look = TimeSpan.FromMilliseconds(500);
        string key = Keys.AskedToSleep(Token);
        await store.PutAsync(key, "sleep\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        try
        {
            for (long end = Environment.TickCount64 + (long)patience.TotalMilliseconds; Environment.TickCount64 < end;)
            {
                await Task.Delay(look, cancellationToken).ConfigureAwait(false);
                var live = await store.ListAsync(Keys.Live, null, cancellationToken).ConfigureAwait(false);
                if (!live.Entries.Any(e => Keys.NumberIn(e.Key, Keys.Live) == Token))
                {
                    return true;
                }
            }

            return false;
        }
        finally
        {
            await store.DeleteAsync(key, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>One value a line, as <c>name: value</c>.</summary>
    public IEnumerable<(string Name, string Value)> Lines()
    {
        yield return ("cluster", Cluster.ToString("N"));
        yield return ("state", Use switch { ClusterUse.Open => "open", ClusterUse.Asleep => "asleep", _ => "abandoned" });
        if (Holder is not null)
        {
            yield return ("holder", Holder);
            yield return ("silent_seconds", Number((long)Math.Max(0, Silence?.TotalSeconds ?? 0)));
        }

        yield return ("image", Number(Image));
        if (ImageTime is { } time)
        {
            yield return ("image_time", time.ToString("u", CultureInfo.InvariantCulture));
        }

        yield return ("files", Number(Content.Files));
        yield return ("file_bytes", Number(Content.Bytes));
        yield return ("log_records_behind", Number(Tail.Records));
        yield return ("log_bytes_behind", Number(Tail.Bytes));
        yield return ("objects", Number(Stored.Objects));
        yield return ("object_bytes", Number(Stored.Bytes));
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static async Task<ClusterStatus> WithHolderAsync(
        ClusterStatus status, IObjectStore store, ObjectEntry live, TimeSpan silence, TimeSpan limit, CancellationToken cancellationToken)
    {
        // Removed meanwhile: it was closed after the listing.
        return await store.GetAsync(live.Key, null, cancellationToken).ConfigureAwait(false) is { } found
            ? status with
            {
                Use = silence < limit ? ClusterUse.Open : ClusterUse.Abandoned,
                Holder = Log.Holder.NameOf(found.Content),
                Token = Keys.NumberIn(live.Key, Keys.Live),
                Silence = silence,
            }
            : status with { Use = ClusterUse.Asleep };
    }

    private static async Task<bool> IsCloseAsync(IObjectStore store, Guid cluster, ObjectEntry last, CancellationToken cancellationToken) =>
        LogRecord.Decode(await ReadAsync(store, last.Key, cancellationToken).ConfigureAwait(false), cluster, Keys.NumberIn(last.Key, Keys.Log)).Kind == LogRecordKind.Close;

    private static async Task<byte[]> ReadAsync(IObjectStore store, string key, CancellationToken cancellationToken) =>
        (await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false) ?? throw new DamagedObjectException(key, "is missing: it was deleted")).Content;
}
