using Pocketgres.Engine.Data;
using static Pocketgres.Bucket.Files.PageFile;

namespace Pocketgres.Bucket.Files;

/// <content>The boot pack: which pages the next life will read first.</content>
internal sealed partial class BucketFileSystem
{
    private const int MaximumRecorded = 1024;
    private const int MaximumRecordedOfFile = 64; // who reads more of one reads on, which is prefetched
    private const int MaximumRecordedWrites = 128; // a database that is made writes all of its catalogs
    private const int EnoughPages = 256; // for which the boot pack is filled with what earlier lives have read: some 0.5 MB

    private const int MaximumIndexes = 64;
    private const int MaximumInnerPages = 1024; // of a primary key of ten million rows

    private readonly HashSet<(long FileId, int Page)> _recorded = [];
    private int _recordedWrites;
    private (BucketNode Node, int Page)? _logEnd; // the page of the write-ahead log that was written last

    /// <summary>
    /// Whether the pages that are read are remembered, to be the next boot pack: the first thousand, and few of any one file. So are catalogs' pages that are
    /// written: who has made them need not read them, and the next one will.
    /// </summary>
    public bool IsRecording { get; set; } = true;

    /// <summary>
    /// The pages that were read first, and those that a start is known to read, of files that are still there; with their contents. Behind them, some of the
    /// boot pack's that this life did not read, those of the life before first: a life that was only asked for its health does not make the next one slow.
    /// And, for look-ups to take as many round trips in large indexes as in small ones, what lies above the leaves in indexes that are used.
    /// Recording ends.
    /// </summary>
    /// <returns>The pages, and those of indexes, the uppermost first.</returns>
    public (IReadOnlyList<RecordedPage> Pages, IReadOnlyList<RecordedPage> Inner) TakeRecorded()
    {
        var booted = UnpackBoot();
        lock (_lock)
        {
            RecordWhatStartsRead();
            var inner = RecordIndexes();
            IsRecording = false;
            List<(long, int)> pages = [.. _recorded.Order().Where(IsHere)];
            pages.AddRange(booted.Where(p => !_recorded.Contains(p) && !inner.Contains(p) && IsHere(p)).Take(Math.Max(0, EnoughPages - pages.Count)));
            return ([.. pages.Select(Content)], [.. inner.Where(p => !_recorded.Contains(p)).Select(Content)]);
        }

        bool IsHere((long File, int Page) at) => _byId.TryGetValue(at.File, out var node) && at.Page >= 0 && at.Page < node.Count && node[at.Page].Slot != 0;

        RecordedPage Content((long File, int Page) at)
        {
            var content = new byte[PageSize];
            _pages.Read(_byId[at.File][at.Page].Slot, 0, content);
            return new RecordedPage(at.File, at.Page, content);
        }
    }

    // Which this life has written and the next one reads, before anything else: the log's last checkpoint, and files that a stop replaces.
    private void RecordWhatStartsRead()
    {
        if (_logEnd is (var node, var last))
        {
            foreach (int page in (int[])[0, last - 1, last])
            {
                _recorded.Add((node.FileId, Math.Max(0, page)));
            }
        }

        foreach (var file in StatePaths.ReadAtStart.Select(LastName).OfType<BucketNode>())
        {
            for (int page = 0; page < Math.Min(file.Count, MaximumRecordedOfFile); page++)
            {
                _recorded.Add((file.FileId, page));
            }
        }
    }

    // Where look-ups in indexes go through: the first page of those that this life has written, which it need not have read, and what is here of the pages above
    // the leaves, the newest index first, the uppermost page of all first.
    private HashSet<(long FileId, int Page)> RecordIndexes()
    {
        var inner = new List<(uint Level, long FileId, int Page)>();
        Span<byte> bytes = stackalloc byte[Math.Max(IndexPage.FirstBytes, IndexPage.LevelBytes)];
        int found = 0;
        foreach (var node in _byId.Values.Where(n => n.UntouchedRuns is null).OrderByDescending(n => n.FileId))
        {
            if (found == MaximumIndexes || node.Count == 0 || node[0].Slot == 0)
            {
                continue;
            }

            _pages.Read(node[0].Slot, 0, bytes[..IndexPage.FirstBytes]);
            if (!IndexPage.IsFirst(bytes))
            {
                continue;
            }

            found++;
            if (node.IsWritten)
            {
                _recorded.Add((node.FileId, 0));
            }

            for (int page = node.NextTouched(1); page < node.Count; page = node.NextTouched(page + 1))
            {
                if (node[page].Slot is not 0 and var slot)
                {
                    _pages.Read(slot, IndexPage.LevelOffset, bytes[..IndexPage.LevelBytes]);
                    if (IndexPage.Level(bytes) is not 0 and var level)
                    {
                        inner.Add((level, node.FileId, page));
                    }
                }
            }
        }

        return [.. inner.OrderByDescending(p => p.Level).Take(MaximumInnerPages).Select(p => (p.FileId, p.Page))];
    }

    private bool Record(BucketNode node, int page)
    {
        bool isNew = IsRecording && _recorded.Count < MaximumRecorded && node.Recorded < MaximumRecordedOfFile && _recorded.Add((node.FileId, page));
        node.Recorded += isNew ? 1 : 0;
        return isNew;
    }
}

/// <summary>A page of the next boot pack.</summary>
/// <param name="FileId">Its file's number.</param>
/// <param name="Page">Its number in the file.</param>
/// <param name="Content">Its bytes.</param>
internal readonly record struct RecordedPage(long FileId, int Page, byte[] Content);
