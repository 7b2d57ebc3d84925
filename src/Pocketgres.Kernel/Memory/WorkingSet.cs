using System.Collections.Concurrent;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// The pages that processes of one kind soon write, learned from the first of them, so that later ones get them at once. A page that a process
/// first reads and then writes costs two faults and an interruption of every core that runs a thread of ours (its old translation must go), 3-5 us in
/// a virtual machine; made in one go before anybody could have read them, a tenth of that. A hint only: wrong pages cost their memory.
/// Thread-safe.
/// </summary>
internal sealed unsafe class WorkingSet
{
    private const int Page = 4096;
    private const int Samples = 4;
    private const int Agreeing = 2; // so many samples have a page that belongs to the set: some did nothing, some did much
    private const int MaximumPages = 1024; // of a sample: who wrote more lived long, and what it wrote says little about the start

    private readonly Lock _lock = new();
    private readonly List<long[]> _samples = [];
    private volatile (long Offset, long Length)[]? _ranges;

    /// <summary>True once enough is known: <see cref="Learn"/> is not called for then.</summary>
    public bool IsKnown => _ranges is not null;

    /// <summary>The pages, in ranges; empty while not enough is known.</summary>
    public IReadOnlyList<(long Offset, long Length)> Ranges => _ranges ?? [];

    /// <summary>Learns from a process that ends.</summary>
    /// <param name="written">Offsets of the pages that it wrote.</param>
    public void Learn(long[] written)
    {
        lock (_lock)
        {
            if (IsKnown || written.Length is 0 or > MaximumPages)
            {
                return;
            }

            // Evaluated once, at the end: the first samples come while the server starts.
            _samples.Add(written);
            if (_samples.Count == Samples)
            {
                _ranges = Merge(_samples);
                _samples.Clear();
                _samples.TrimExcess();
            }
        }
    }

    /// <summary>Whether a page belongs to the set, and up to where that is so for all that follow.</summary>
    /// <param name="offset">Its offset.</param>
    public (bool Contains, long Until) Find(long offset)
    {
        var ranges = _ranges ?? [];
        int low = 0, high = ranges.Length; // the first range that ends behind the page
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = ranges[middle].Offset + ranges[middle].Length <= offset ? (middle + 1, high) : (low, middle);
        }

        return low == ranges.Length ? (false, long.MaxValue)
            : ranges[low].Offset <= offset ? (true, ranges[low].Offset + ranges[low].Length)
            : (false, ranges[low].Offset);
    }

    /// <summary>Gives a new process its pages. Nobody has touched the region since it was mapped.</summary>
    public void Populate(byte* region)
    {
        if (_ranges is not { } ranges)
        {
            return;
        }

        foreach (var (offset, length) in ranges)
        {
            // Refused for pages that are not accessible here, and by Linux before 5.14.
            if (Libc.madvise(region + offset, (nint)length, Libc.PopulateWrite) != 0)
            {
                return;
            }
        }
    }

    // Pages of enough samples, in ranges. Without LINQ: a server that has run a few sessions would load it for this alone.
    private static (long Offset, long Length)[] Merge(List<long[]> samples)
    {
        long[] pages = new long[Samples * MaximumPages];
        int count = 0;
        foreach (long[] sample in samples)
        {
            sample.CopyTo(pages, count);
            count += sample.Length;
        }

        Array.Sort(pages, 0, count);
        var ranges = new List<(long Offset, long Length)>();
        for (int i = 0; i < count;)
        {
            long page = pages[i];
            int first = i;
            while (i < count && pages[i] == page)
            {
                i++;
            }

            if (i - first < Agreeing)
            {
                continue;
            }

            // A page between two ranges is worth a system call more: 19 such pages were 5 % of an idle session, and their calls take the time of their faults.
            if (ranges.Count > 0 && page == ranges[^1].Offset + ranges[^1].Length)
            {
                ranges[^1] = (ranges[^1].Offset, ranges[^1].Length + Page);
            }
            else
            {
                ranges.Add((page, Page));
            }
        }

        return [.. ranges];
    }
}

/// <summary>Working sets by kind of process, for a parent's children: also those of its clones. Thread-safe.</summary>
internal sealed class WorkingSets
{
    private readonly ConcurrentDictionary<string, WorkingSet> _sets = new(StringComparer.Ordinal);

    /// <summary>The set of a kind.</summary>
    public WorkingSet For(string kind) => _sets.GetOrAdd(kind, static _ => new WorkingSet());
}
