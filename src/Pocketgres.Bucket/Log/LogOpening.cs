using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Log;

/// <summary>
/// Finds a cluster's newest image and the log behind it, and takes the cluster: creates a fence at the first number that is missing in the log, so that
/// nobody who wrote before can add to it.
/// </summary>
/// <remarks>
/// A writer uses at most <see cref="BucketOptions.Window"/> numbers behind its last confirmed record. So after a fence at number f, where an older writer
/// may still have requests on their way, fillers take f+1 to f+Window-1, or find there records of that writer, which count for nothing; the new writer's
/// numbers begin behind them, where the older one can never write. Behind a <see cref="LogRecordKind.Close"/> no fillers are needed.
/// </remarks>
/// <param name="store">The cluster's prefix; asks again by itself.</param>
/// <param name="options">Options.</param>
internal sealed class LogOpening(IObjectStore store, BucketOptions options)
{
    private const int ParallelReads = 32;

    /// <summary>Called as soon as the newest manifest is known, while the log is still being read and fenced.</summary>
    public Action<Manifest>? ManifestFound { get; init; }

    /// <summary>
    /// Called with the key of the newest boot pack as the hint has it, before the manifest is known, which decides; and with a copy of the pack, if the hint has one.
    /// </summary>
    public Action<string, ReadOnlyMemory<byte>>? BootPackHinted { get; init; }

    /// <summary>
    /// Called with what <see cref="OpenAsync"/> will most likely return, when the hint of a clean close says enough, while the store is still asked for what decides:
    /// nothing may be written, nor anybody be told of what is read, until it has returned the same. Then <see cref="ManifestFound"/> is not called.
    /// </summary>
    public Action<OpenedLog>? Predicted { get; init; }

    /// <summary>Says why it takes long.</summary>
    public Action<string>? Report { get; init; }

    /// <summary>Called before each step, with its name.</summary>
    public Action<string>? Step { get; init; }

    /// <summary>Opens the cluster, or makes the beginnings of a new one where there is nothing.</summary>
    /// <exception cref="BucketException">Somebody else has it.</exception>
    /// <exception cref="DamagedObjectException">An object is missing or not what it should be.</exception>
    public async Task<OpenedLog> OpenAsync(CancellationToken cancellationToken)
    {
        var head = store.GetAsync(Keys.Head, null, cancellationToken);
        var format = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false);
        var cluster = format is null ? await CreateAsync(cancellationToken).ConfigureAwait(false) : FormatObject.Decode(format.Content).Cluster;

        // A hint that says too much or too little costs requests only: what is listed decides.
        var told = await head.ConfigureAwait(false) is { } found ? Head.Decode(found.Content) : null;
        long hint = told?.Sequence ?? 0;
        bool saysClosed = told is { IsClosed: true };
        var manifests = store.ListAsync(Keys.Manifests, hint > 0 ? Keys.Manifest(hint - 1) : null, cancellationToken);
        var log = store.ListAsync(Keys.Log, hint > 0 ? Keys.LogRecord(hint) : null, cancellationToken);
        var live = saysClosed ? null : store.ListAsync(Keys.Live, null, cancellationToken);

        // Behind a close the number is known before the listings say that nobody has opened it since: who has, has created that fence.
        var fence = saysClosed ? CreateFenceAsync(cluster, hint + 2, cancellationToken) : null;
        if (told?.BootPack is { } bootPack)
        {
            BootPackHinted?.Invoke(bootPack, told.Boot);
        }

        var copy = saysClosed ? CopyOfManifest(cluster, told!) : null;
        var hinted = copy is null && hint > 0 ? store.GetAsync(Keys.Manifest(hint), null, cancellationToken) : Task.FromResult<StoredObject?>(null);
        bool isPredicted = copy is not null && Predicted is not null;
        if (isPredicted)
        {
            Predicted!(new OpenedLog(cluster, copy, [], hint + 2, hint + 3, []));
        }

        var manifest = await ReadManifestAsync(
            cluster, hint, copy, await hinted.ConfigureAwait(false), (await manifests.ConfigureAwait(false)).Entries, cancellationToken).ConfigureAwait(false);
        if (manifest is not null && !isPredicted)
        {
            ManifestFound?.Invoke(manifest);
        }

        long start = (manifest?.Sequence ?? 0) + 1;
        var listed = await log.ConfigureAwait(false);
        bool isMine = fence is not null && await fence.ConfigureAwait(false);
        if (saysClosed && start == hint + 1 && listed.Entries.Any(e => e.Key == Keys.LogRecord(start))
            && (isMine || listed.Entries.All(e => e.Key == Keys.LogRecord(start))))
        {
            // Nobody has opened it since: neither who is alive is of interest, nor what the record says. Or somebody does at this moment.
            return await FenceAsync(cluster, manifest, start + 1, start + 1, isMine, isClosed: true, cancellationToken).ConfigureAwait(false);
        }

        if (isMine)
        {
            // The hint is out of date, and what was behind it is removed. Nothing was written behind this fence, and nothing will be.
            await store.DeleteAsync(Keys.LogRecord(hint + 2), cancellationToken).ConfigureAwait(false);
        }

        var holders = await (live ?? store.ListAsync(Keys.Live, null, cancellationToken)).ConfigureAwait(false);
        await Holder.WaitUntilGoneAsync(store, holders, options, Report, cancellationToken).ConfigureAwait(false);
        if (options.TakeOver || holders.Entries.Count > 0 || (hint > 0 && start <= hint))
        {
            // Somebody may have written since, or the hint named an image that is not there.
            listed = await store.ListAsync(Keys.Log, start > 1 ? Keys.LogRecord(start - 1) : null, cancellationToken).ConfigureAwait(false);
        }

        long first = start;
        foreach (var entry in listed.Entries)
        {
            long number = Keys.NumberIn(entry.Key, Keys.Log);
            if (number == first)
            {
                first++;
            }
        }

        return await FenceAsync(cluster, manifest, start, first, isMine: false, isClosed: false, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Guid> CreateAsync(CancellationToken cancellationToken)
    {
        if (!options.MayCreate)
        {
            throw new BucketException(BucketError.Missing, $"there is no cluster at {store.Name}");
        }

        await StoreProbe.RunAsync(store, "", cancellationToken).ConfigureAwait(false);
        var others = await store.ListAsync("", null, cancellationToken).ConfigureAwait(false);
        if (others.Entries.FirstOrDefault(e => e.Key != Keys.Format && !e.Key.StartsWith("probe/", StringComparison.Ordinal)) is { } other)
        {
            if (await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false) is { } appeared)
            {
                return FormatObject.Decode(appeared.Content).Cluster; // somebody else is opening it for the first time too
            }

            throw new DamagedObjectException(Keys.Format, $"is missing at {store.Name}, where there are other objects ({other.Key}): choose another prefix");
        }

        var made = new FormatObject(FormatObject.Plain, Guid.NewGuid());
        if (await store.CreateAsync(Keys.Format, made.Encode(), cancellationToken).ConfigureAwait(false))
        {
            return made.Cluster;
        }

        // Two first openers: one cluster, and the fence decides who has it.
        var stored = await store.GetAsync(Keys.Format, null, cancellationToken).ConfigureAwait(false);
        return FormatObject.Decode((stored ?? throw new DamagedObjectException(Keys.Format, "comes and goes")).Content).Cluster;
    }

    // The newest manifest, from those that are listed from the hint on.
    private async Task<Manifest?> ReadManifestAsync(
        Guid cluster, long hint, Manifest? copy, StoredObject? hinted, IReadOnlyList<ObjectEntry> listed, CancellationToken cancellationToken)
    {
        long newest = listed.Count > 0 ? Keys.NumberIn(listed[^1].Key, Keys.Manifests) : 0;
        if (newest < hint)
        {
            var all = await store.ListAsync(Keys.Manifests, null, cancellationToken).ConfigureAwait(false);
            throw new DamagedObjectException(Keys.Manifest(hint),
                all.Entries.Count == 0 ? "is missing, and no older one is there" : $"is missing: the newest that is there is {all.Entries[^1].Key}");
        }

        if (newest == hint && (newest == 0 || copy is not null))
        {
            return copy;
        }

        var found = newest == hint && hinted is not null ? hinted : await store.GetAsync(Keys.Manifest(newest), null, cancellationToken).ConfigureAwait(false);
        return Manifest.Decode((found ?? throw new DamagedObjectException(Keys.Manifest(newest), "is missing: it was deleted")).Content, cluster, newest);
    }

    // The hint's copy of the manifest; null when there is none that can be used, so that the manifest is read.
    private static Manifest? CopyOfManifest(Guid cluster, Head head)
    {
        try
        {
            return head.Manifest.IsEmpty ? null : Manifest.Decode(head.Manifest, cluster, head.Sequence);
        }
        catch (DamagedObjectException)
        {
            return null;
        }
    }

    private Task<bool> CreateFenceAsync(Guid cluster, long sequence, CancellationToken cancellationToken)
    {
        Step?.Invoke("fence");
        return store.CreateAsync(Keys.LogRecord(sequence), new LogRecord(LogRecordKind.Fence, cluster, sequence, sequence, DateTime.UtcNow, []).Encode(), cancellationToken);
    }

    private async Task<OpenedLog> FenceAsync(
        Guid cluster, Manifest? manifest, long start, long first, bool isMine, bool isClosed, CancellationToken cancellationToken)
    {
        var reading = ReadAsync(cluster, "", start, first, cancellationToken);
        var origin = manifest?.Origin;
        var readingOrigin = origin is null
            ? Task.FromResult(new List<LogRecord>())
            : ReadAsync(origin.Cluster, origin.Prefix, origin.First, origin.Last + 1, cancellationToken);
        isMine = isMine || await CreateFenceAsync(cluster, first, cancellationToken).ConfigureAwait(false);
        var tail = await reading.ConfigureAwait(false);
        while (!isMine)
        {
            var other = await ReadRecordAsync(cluster, first, cancellationToken).ConfigureAwait(false);
            if (other.Kind == LogRecordKind.Fence && !options.TakeOver)
            {
                throw new BucketException(BucketError.InUse, $"another process has just opened {store.Name}: stop it first, or take the cluster over (takeover=true)");
            }

            tail.Add(other);
            first++;
            isMine = await CreateFenceAsync(cluster, first, cancellationToken).ConfigureAwait(false);
        }

        long next = first + 1;
        bool wasClosed = tail.Count > 0 ? tail[^1].Kind == LogRecordKind.Close : isClosed || first == 1 || origin is not null; // nobody else has written there yet
        if (!wasClosed)
        {
            Step?.Invoke("fillers");
            next = first + BucketOptions.Window;
            await Task.WhenAll(Enumerable.Range(1, BucketOptions.Window - 1).Select(i => FillAsync(cluster, first, first + i, cancellationToken))).ConfigureAwait(false);
        }

        Step?.Invoke("opened");
        return new OpenedLog(cluster, manifest, Counting(tail, manifest?.Token ?? 0), first, next,
            Counting(await readingOrigin.ConfigureAwait(false), manifest?.Token ?? 0));
    }

    private async Task FillAsync(Guid cluster, long token, long sequence, CancellationToken cancellationToken)
    {
        var filler = new LogRecord(LogRecordKind.Filler, cluster, sequence, token, DateTime.UtcNow, []);
        if (!await store.CreateAsync(Keys.LogRecord(sequence), filler.Encode(), cancellationToken).ConfigureAwait(false)
            && (await ReadRecordAsync(cluster, sequence, cancellationToken).ConfigureAwait(false)).Token > token)
        {
            throw new BucketException(BucketError.Fenced, $"another process has taken {store.Name} over while it was being opened");
        }
    }

    /// <summary>
    /// Looks, once the fence is there, whether its number was free only because somebody had used it and it was removed since: then this process stood still
    /// for so long that what it knows of the cluster is history. An image that has the fence's number or a higher one would be there.
    /// </summary>
    /// <exception cref="BucketException">It was.</exception>
    public static async Task ThrowIfCollectedAsync(IObjectStore store, OpenedLog log, CancellationToken cancellationToken)
    {
        var newer = await store.ListAsync(Keys.Manifests, Keys.Manifest(log.Token - 1), cancellationToken).ConfigureAwait(false);
        if (newer.Entries.Count > 0)
        {
            throw new BucketException(BucketError.Fenced, $"{store.Name} was opened by others since this process began to open it: start again");
        }
    }

    /// <summary>The records that count: a fence makes all later ones of older tokens count for nothing.</summary>
    /// <param name="records">In order.</param>
    /// <param name="token">The token up to here.</param>
    internal static List<LogRecord> Counting(IEnumerable<LogRecord> records, long token)
    {
        var counting = new List<LogRecord>();
        foreach (var record in records)
        {
            if (record.Token >= token)
            {
                token = record.Token;
                if (record.Kind is LogRecordKind.Data or LogRecordKind.Close)
                {
                    counting.Add(record);
                }
            }
        }

        return counting;
    }

    private async Task<List<LogRecord>> ReadAsync(Guid cluster, string prefix, long start, long end, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        for (long from = start; from < end; from += ParallelReads)
        {
            int count = (int)Math.Min(ParallelReads, end - from);
            records.AddRange(await Task.WhenAll(Enumerable.Range(0, count).Select(i => ReadRecordAsync(cluster, from + i, cancellationToken, prefix))).ConfigureAwait(false));
        }

        return records;
    }

    private async Task<LogRecord> ReadRecordAsync(Guid cluster, long sequence, CancellationToken cancellationToken, string prefix = "")
    {
        string key = prefix.Length == 0 ? Keys.LogRecord(sequence) : Keys.Elsewhere(prefix, Keys.LogRecord(sequence));
        var found = await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false);
        return LogRecord.Decode((found ?? throw new DamagedObjectException(key, "is missing: it was deleted")).Content, cluster, sequence);
    }
}
