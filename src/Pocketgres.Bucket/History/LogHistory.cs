using System.Globalization;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.History;

/// <summary>What a cluster had reached with a log record.</summary>
/// <param name="Record">The record's number.</param>
/// <param name="Time">When it was cut, by its writer's clock.</param>
/// <param name="Lsn">The end of the write-ahead log by then; 0 when the records that are left do not say.</param>
internal readonly record struct HistoryPoint(long Record, DateTime Time, ulong Lsn)
{
    /// <summary>A place in the log as Postgres writes it.</summary>
    public static string Write(ulong lsn) => string.Create(CultureInfo.InvariantCulture, $"{lsn >> 32:X}/{lsn & uint.MaxValue:X}");

    /// <summary>Reads what <see cref="Write"/> writes.</summary>
    public static bool TryReadLsn(string text, out ulong lsn)
    {
        lsn = 0;
        string[] parts = text.Split('/');
        bool isRead = parts.Length == 2 && parts.All(p => p.Length is >= 1 and <= 8 && p.All(char.IsAsciiHexDigit));
        if (isRead)
        {
            lsn = ((ulong)uint.Parse(parts[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) << 32)
                | uint.Parse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        }

        return isRead;
    }
}

/// <summary>The moments that a cluster in a bucket can be restored to: from its oldest image to the end of its log, without a gap.</summary>
/// <param name="store">The cluster's prefix.</param>
/// <param name="cluster">Which cluster.</param>
/// <param name="all">What is there; with an image at least.</param>
internal sealed class LogHistory(IObjectStore store, Guid cluster, Inventory all)
{
    // Records that count for nothing are at most a window behind the fence that says so.
    private const int ReadBack = 2 * BucketOptions.Window;

    /// <summary>The oldest moment: that of an image.</summary>
    public long First { get; } = all.Images[0].Number;

    /// <summary>The newest moment.</summary>
    public long Last { get; } = EndOf(all);

    /// <summary>The last record that was cut by a time; null when that is before the oldest moment.</summary>
    public async Task<long?> LastByAsync(DateTime time, CancellationToken cancellationToken)
    {
        long found = await SearchAsync(async n => (await ReadAsync(n, n, cancellationToken).ConfigureAwait(false))[0].Time > time).ConfigureAwait(false) - 1;
        return found > First || (found == First && (Oldest == First || all.Images[0].Entry.LastModified.UtcDateTime <= time)) ? found : null;
    }

    /// <summary>The first record with which the log reached a place, and maybe went beyond; null when that is outside of what is there.</summary>
    public async Task<HistoryPoint?> ReachingAsync(ulong lsn, CancellationToken cancellationToken)
    {
        var first = await AtAsync(First, cancellationToken).ConfigureAwait(false);
        if (first.Lsn > lsn)
        {
            return null;
        }

        long found = await SearchAsync(async n => (await AtAsync(n, cancellationToken).ConfigureAwait(false)).Lsn >= lsn).ConfigureAwait(false);
        return found <= Last ? await AtAsync(found, cancellationToken).ConfigureAwait(false) : null;
    }

    /// <summary>What was reached with a record.</summary>
    public async Task<HistoryPoint> AtAsync(long record, CancellationToken cancellationToken)
    {
        DateTime? time = null;
        for (long end = record; end >= Oldest;)
        {
            long begin = Math.Max(Oldest, end - ReadBack + 1);
            var records = await ReadAsync(begin, end, cancellationToken).ConfigureAwait(false);
            time ??= records[^1].Time;
            ulong lsn = LogOpening.Counting(records, 0).SelectMany(r => r.Parts).OfType<LogPart.Bytes>().Aggregate(0UL, (m, p) => Math.Max(m, p.End));
            if (lsn > 0)
            {
                return new HistoryPoint(record, time.Value, lsn);
            }

            end = begin - 1;
        }

        return new HistoryPoint(record, time ?? all.Images[0].Entry.LastModified.UtcDateTime, 0);
    }

    // That of a branch's first image is in the branch's origin.
    private long Oldest { get; } = all.Log.Any(r => r.Number == all.Images[0].Number) ? all.Images[0].Number : all.Images[0].Number + 1;

    private static long EndOf(Inventory all)
    {
        long last = all.Images[0].Number;
        foreach (var record in all.Log)
        {
            last = record.Number == last + 1 ? record.Number : last;
        }

        return Math.Max(last, all.Images[^1].Number);
    }

    // The first record that something is true of; one behind the last for none.
    private async Task<long> SearchAsync(Func<long, Task<bool>> isTrue)
    {
        long low = Oldest, high = Last + 1;
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            (low, high) = await isTrue(middle).ConfigureAwait(false) ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private async Task<LogRecord[]> ReadAsync(long first, long last, CancellationToken cancellationToken) =>
        await Task.WhenAll(Enumerable.Range(0, (int)(last - first + 1)).Select(async i =>
        {
            string key = Keys.LogRecord(first + i);
            var found = await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false) ?? throw new DamagedObjectException(key, "is missing: it was deleted");
            return LogRecord.Decode(found.Content, cluster, first + i);
        })).ConfigureAwait(false);
}
