using System.Buffers.Binary;
using Pocketgres.Bucket.Formats;
using static Pocketgres.Bucket.Files.PageFile;

namespace Pocketgres.Bucket.Files;

/// <content>The boot pack: which pages the next life will read first.</content>
internal sealed partial class BucketFileSystem
{
    private const int MaximumRecorded = 1024;
    private const int MaximumRecordedOfFile = 64; // who reads more of one reads on, which is prefetched
    private const int MaximumRecordedWrites = 128; // a database that is made writes all of its catalogs
    private const int EnoughPages = 256; // for which the boot pack is filled with what earlier lives have read: some 0.5 MB

    // A B-tree's first page (access/nbtree.h): where its content begins, and in it the magic number and the root's page.
    private const int MaximumIndexes = 64, ContentOffset = 24, RootOffset = 8;
    private const uint IndexMagic = 0x053162;

    private readonly HashSet<(long FileId, int Page)> _recorded = [];
    private IReadOnlyList<(long FileId, int Page)> _booted = []; // the boot pack's pages
    private int _recordedWrites;
    private (BucketNode Node, int Page)? _logEnd; // the page of the write-ahead log that was written last

    /// <summary>
    /// Whether the pages that are read are remembered, to be the next boot pack: the first thousand, and few of any one file. So are catalogs' pages that are
    /// written: who has made them need not read them, and the next one will.
    /// </summary>
    public bool IsRecording { get; set; } = true;

    /// <summary>Brings the pages of the boot pack here that are still as they are there.</summary>
    public async Task LoadAsync(BootPack boot)
    {
        var frames = await _frames.ReadPackAsync(boot.Pack, boot.Frames).ConfigureAwait(false);
        lock (_lock)
        {
            _booted = boot.Pages;
            int next = 0;
            for (int i = 0; i < frames.Count; i++)
            {
                for (int k = 0; k < boot.Frames[i].Pages && next < boot.Pages.Count; k++, next++)
                {
                    var (file, page) = boot.Pages[next];
                    if (_byId.TryGetValue(file, out var node) && page < node.Count && node[page].IsAbsent)
                    {
                        node[page].Slot = WriteNew(frames[i].AsSpan(k * PageSize, PageSize), mustFit: false);
                    }
                }
            }
        }
    }

    /// <summary>
    /// The pages that were read first, and those that a start is known to read, of files that are still there; with their contents. Behind them, some of the
    /// boot pack's that this life did not read, those of the life before first: a life that was only asked for its health does not make the next one slow.
    /// Recording ends.
    /// </summary>
    public IReadOnlyList<(long FileId, int Page, byte[] Content)> TakeRecorded()
    {
        lock (_lock)
        {
            RecordWhatStartsRead();
            RecordIndexes();
            IsRecording = false;
            List<(long, int)> pages = [.. _recorded.Order().Where(IsHere)];
            pages.AddRange(_booted.Where(p => !_recorded.Contains(p) && IsHere(p)).Take(Math.Max(0, EnoughPages - pages.Count)));
            return [.. pages.Select(Content)];
        }

        bool IsHere((long File, int Page) at) => _byId.TryGetValue(at.File, out var node) && at.Page >= 0 && at.Page < node.Count && node[at.Page].Slot != 0;

        (long, int, byte[]) Content((long File, int Page) at)
        {
            var content = new byte[PageSize];
            _pages.Read(_byId[at.File][at.Page].Slot, 0, content);
            return (at.File, at.Page, content);
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

    // Where look-ups begin in the indexes that this life has written, which it need not have read.
    private void RecordIndexes()
    {
        Span<byte> content = stackalloc byte[RootOffset + sizeof(uint)];
        int found = 0;
        foreach (var node in _byId.Values.OrderByDescending(n => n.FileId)) // the newest ones first
        {
            if (found < MaximumIndexes && node is { IsWritten: true, Count: > 0 } && node[0].Slot != 0)
            {
                _pages.Read(node[0].Slot, ContentOffset, content);
                if (BinaryPrimitives.ReadUInt32LittleEndian(content) == IndexMagic)
                {
                    _recorded.Add((node.FileId, 0));
                    _recorded.Add((node.FileId, (int)BinaryPrimitives.ReadUInt32LittleEndian(content[RootOffset..])));
                    found++;
                }
            }
        }
    }

    private bool Record(BucketNode node, int page)
    {
        bool isNew = IsRecording && _recorded.Count < MaximumRecorded && node.Recorded < MaximumRecordedOfFile && _recorded.Add((node.FileId, page));
        node.Recorded += isNew ? 1 : 0;
        return isNew;
    }
}
