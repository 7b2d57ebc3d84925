using Pocketgres.Bucket.Formats;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Bucket.Files;

/// <content>From an image and to the next one.</content>
internal sealed partial class BucketFileSystem
{
    private const int PermissionBits = 0xFFF;

    /// <summary>Makes the files of an image, without their contents. To be called once, on an empty file system.</summary>
    /// <exception cref="FileSystemException">The image's names make no sense.</exception>
    public void Load(Manifest manifest)
    {
        lock (_lock)
        {
            _nextFileId = manifest.NextFileId;
            foreach (var entry in manifest.Entries)
            {
                int mode = entry.Mode & PermissionBits;
                if (entry.Path == "/")
                {
                    FileSystemException.ThrowIf(_names.ChangeMode("/", mode), "set the mode of", "/");
                }
                else if (entry.LinkTarget is not null)
                {
                    FileSystemException.ThrowIf(_names.SymbolicLink(entry.LinkTarget, entry.Path), "create", entry.Path);
                }
                else if (entry.FileId == 0)
                {
                    FileSystemException.ThrowIf(_names.MakeDirectory(entry.Path, mode), "create", entry.Path);
                }
                else
                {
                    FileSystemException.ThrowIf(
                        _names.Open(entry.Path, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, mode, out var file), "create", entry.Path);
                    file!.Truncate(entry.Size);
                    file.Status(out var status);
                    file.Release();
                    AddNode(status.Inode, entry.FileId, entry.Runs);
                }
            }
        }
    }

    /// <summary>Makes a change that the log tells of.</summary>
    /// <exception cref="FileSystemException">It cannot be made.</exception>
    public unsafe void Apply(LogPart part)
    {
        switch (part)
        {
            case LogPart.Bytes bytes:
                FileSystemException.ThrowIf(Open(bytes.Path, OpenFlags.ReadWrite | OpenFlags.Create, 0x180, out var file), "open", bytes.Path);
                fixed (byte* p = bytes.Content)
                {
                    int n = file!.WriteAt(p, bytes.Content.Length, bytes.Offset);
                    FileSystemException.ThrowIf(n < 0 ? (Kernel.Errno)(-n) : Kernel.Errno.None, "write", bytes.Path);
                }

                FileSystemException.ThrowIf(file.Allocate(0, StatePaths.SegmentSize), "lengthen", bytes.Path);
                file.Release();
                break;
            case LogPart.Whole whole:
                FileTree.WriteAll(this, whole.Path, whole.Content, whole.Mode, sync: false);
                break;
            case LogPart.Removed removed when FileTree.Exists(this, removed.Path):
                FileTree.Remove(this, removed.Path);
                break;
            case LogPart.Renamed renamed when FileTree.Exists(this, renamed.From):
                if (FileTree.Exists(this, renamed.To))
                {
                    FileTree.Remove(this, renamed.To);
                }

                FileSystemException.ThrowIf(Rename(renamed.From, renamed.To), "rename", renamed.From);
                break;
            case LogPart.Made made when !FileTree.Exists(this, made.Path):
                FileSystemException.ThrowIf(MakeDirectory(made.Path, made.Mode), "create", made.Path);
                break;
        }
    }

    /// <summary>Freezes the files as they are between two writes, and ends the current log record at the same moment.</summary>
    /// <param name="sparse">Packs to be given up: their pages are to be written elsewhere.</param>
    public FrozenImage Freeze(IReadOnlySet<string> sparse)
    {
        lock (_lock)
        {
            var entries = new List<ImageEntry>();
            var pages = new FrozenPages([], [], sparse);
            _names.Stat("/", followLink: false, out var root);
            entries.Add(new ImageEntry("/", root.Mode, 0, 0, null, []));
            Freeze("/", entries, pages);
            _pages.Freeze(pages.Dirty.Select(d => d.Slot));
            return new FrozenImage(Log?.Cut() ?? 0, _nextFileId, entries, pages.Dirty, pages.Moved);
        }
    }

    /// <summary>Ends a freeze.</summary>
    /// <param name="frozen">What was frozen.</param>
    /// <param name="places">Where its dirty pages are in the bucket now; empty when they are not.</param>
    /// <param name="moved">Where its moved pages are now, as well; empty when they are where they were.</param>
    public void Thaw(FrozenImage frozen, IReadOnlyList<(PageFrame Frame, int Skip)> places, IReadOnlyList<(PageFrame Frame, int Skip)> moved)
    {
        lock (_lock)
        {
            _imageComes = false;
            for (int i = 0; i < places.Count; i++)
            {
                var (node, page, slot) = frozen.Dirty[i];

                // Unless it was written meanwhile, which takes another slot, or the file was cut.
                if (page < node.Count && node[page].Slot == slot && node[page].Frame is null)
                {
                    node[page].Frame = places[i].Frame;
                    node[page].Skip = places[i].Skip;
                }
            }

            for (int i = 0; i < moved.Count; i++)
            {
                var (node, page, frame, _) = frozen.Moved[i];
                if (page < node.Count && ReferenceEquals(node[page].Frame, frame))
                {
                    node[page].Frame = moved[i].Frame;
                    node[page].Skip = moved[i].Skip;
                }
            }

            _pages.Thaw();
        }
    }

    /// <summary>Reads a frame from the bucket.</summary>
    public Task<byte[]> ReadAsync(PageFrame frame) => _frames.ReadAsync(frame);

    /// <summary>Keeps frames of a pack that is in the bucket now for the next life on this machine.</summary>
    public void Keep(IEnumerable<PageFrame> frames, ReadOnlySpan<byte> pack) => _frames.Keep(frames, pack);

    /// <summary>Reads a frozen page.</summary>
    public void Read(DirtyPage page, Span<byte> bytes) => _pages.Read(page.Slot, 0, bytes);

    private void Freeze(string directory, List<ImageEntry> entries, FrozenPages pages)
    {
        foreach (var child in FileTree.List(_names, directory))
        {
            string path = FileTree.Combine(directory, child.Name);
            _names.Stat(path, followLink: false, out var status);
            if (StatePaths.IsTransient(path))
            {
                continue;
            }

            if (status.IsLink)
            {
                _names.ReadLink(path, out string target);
                entries.Add(new ImageEntry(path, status.Mode, 0, 0, target, []));
            }
            else if (status.IsDirectory)
            {
                entries.Add(new ImageEntry(path, status.Mode, 0, 0, null, []));
                Freeze(path, entries, pages);
            }
            else if (_nodes.TryGetValue(status.Inode, out var node))
            {
                entries.Add(new ImageEntry(path, status.Mode, node.FileId, status.Size, null, pages.UntouchedRuns(node) ?? Runs(node, pages)));
            }
        }
    }

    private static List<PageRun> Runs(BucketNode node, FrozenPages pages)
    {
        var runs = new List<PageRun>();
        for (int page = 0; page < node.Count; page++)
        {
            if (node.NextTouched(page) is var next && next > page)
            {
                foreach (var run in node.UntouchedFrom(page))
                {
                    Add(run);
                }

                page = next;
            }

            if (page < node.Count)
            {
                ref var place = ref node[page];
                if (place.IsDirty)
                {
                    pages.Dirty.Add(new DirtyPage(node, page, place.Slot));
                }
                else if (place.Frame is { } frame)
                {
                    Add(new PageRun(page, 1, frame, place.Skip));
                }
            }
        }

        return runs;

        void Add(PageRun run)
        {
            if (pages.Sparse.Contains(run.Frame.Pack))
            {
                pages.Moved.AddRange(Enumerable.Range(0, run.Count).Select(i => new MovedPage(node, run.Page + i, run.Frame, run.Skip + i)));
            }
            else if (runs.Count > 0 && runs[^1] is var last && ReferenceEquals(last.Frame, run.Frame) && last.Page + last.Count == run.Page && last.Skip + last.Count == run.Skip)
            {
                runs[^1] = last with { Count = last.Count + run.Count };
            }
            else
            {
                runs.Add(run);
            }
        }
    }

    // What is collected while the files are frozen.
    private sealed record FrozenPages(List<DirtyPage> Dirty, List<MovedPage> Moved, IReadOnlySet<string> Sparse)
    {
        public IReadOnlyList<PageRun>? UntouchedRuns(BucketNode node) =>
            node.UntouchedRuns is { } runs && (Sparse.Count == 0 || !runs.Any(r => Sparse.Contains(r.Frame.Pack))) ? runs : null;
    }
}
