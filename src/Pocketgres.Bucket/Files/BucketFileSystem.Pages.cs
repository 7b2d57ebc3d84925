using Pocketgres.Bucket.Formats;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using static Pocketgres.Bucket.Files.PageFile;

namespace Pocketgres.Bucket.Files;

/// <content>Reading, writing and fetching pages, and noting what is written to the log.</content>
internal sealed partial class BucketFileSystem
{
    private const int FrameReach = 4096; // pages
    private const int MostRounds = 64; // of a fetch

    internal bool IsAbsent(BucketFile file, long offset, long count)
    {
        lock (_lock)
        {
            return FirstAbsent(file.Node, offset, Clip(file, offset, count)) >= 0;
        }
    }

    /// <summary>Brings the pages of a range here. No lock may be held.</summary>
    internal Errno Fetch(BucketFile file, long offset, long count)
    {
        try
        {
            BringBooted(file.Node, offset, count);
            for (int round = 0; round < MostRounds; round++)
            {
                var wanted = new List<(PageFrame Frame, int Page)>();
                lock (_lock)
                {
                    long end = Clip(file, offset, count);
                    int first = FirstAbsent(file.Node, offset, end);
                    if (first < 0)
                    {
                        return Errno.None;
                    }

                    int last = (int)Math.Min((offset + end - 1) / PageSize, file.Node.Count - 1);
                    for (int page = first; page <= last; page++)
                    {
                        if (file.Node[page] is { IsAbsent: true, Frame: { } frame } && (wanted.Count == 0 || wanted[^1].Frame != frame))
                        {
                            wanted.Add((frame, page));
                        }
                    }

                    Follow(file, (int)(offset / PageSize), last);
                }

                try
                {
                    Task.WhenAll(wanted.Select(f => BringAsync(file.Node, f.Frame, f.Page, mayGiveUp: true))).GetAwaiter().GetResult();
                }
                catch (IOException) when (round < MostRounds - 1 && IsRoomComing())
                {
                    Thread.Sleep(RoomPause);
                }
            }

            return Errno.ENOSPC; // what is brought has to be given up for others at once
        }
        catch (Exception e) when (e is DamagedObjectException or ObjectStoreException or IOException)
        {
            FetchFailed?.Invoke($"cannot read {file.OpenedPath}: {e.Message}");
            return e is IOException ? Errno.ENOSPC : Errno.EIO;
        }
    }

    internal int Read(BucketFile file, Span<byte> buffer, long offset)
    {
        while (true)
        {
            lock (_lock)
            {
                int count = (int)Math.Min(buffer.Length, Clip(file, offset, buffer.Length));
                if (offset < 0 || count <= 0)
                {
                    return offset < 0 ? -(int)Errno.EINVAL : 0;
                }

                if (FirstAbsent(file.Node, offset, count) < 0)
                {
                    Follow(file, (int)(offset / PageSize), (int)((offset + count - 1) / PageSize));
                    Copy(file.Node, buffer[..count], offset);
                    return count;
                }
            }

            // The kernel fetches before it asks; others may not.
            var error = Fetch(file, offset, buffer.Length);
            if (error != Errno.None)
            {
                return -(int)error;
            }
        }
    }

    internal int Write(BucketFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        if (offset < 0 || bytes.Length == 0)
        {
            return offset < 0 ? -(int)Errno.EINVAL : 0;
        }

        while (true)
        {
            long absent;
            lock (_lock)
            {
                absent = PartlyWritten(file.Node, offset, bytes.Length);
                if (absent < 0)
                {
                    return WriteHere(file, bytes, offset);
                }
            }

            var error = Fetch(file, absent, 1);
            if (error != Errno.None)
            {
                return -(int)error;
            }
        }
    }

    internal Errno Truncate(BucketFile file, long length)
    {
        if (length % PageSize != 0)
        {
            var error = Fetch(file, length, 1);
            if (error != Errno.None)
            {
                return error;
            }
        }

        lock (_lock)
        {
            if (!TryLengthen(file, length))
            {
                return Errno.ENOSPC;
            }

            file.Name.Size(out long size);
            var error = file.Name.Truncate(length);
            if (error == Errno.None)
            {
                file.Node.IsChanged = true;
                int within = (int)(length % PageSize), last = (int)(length / PageSize);
                CutZeros(file.Node, size, length);
                CutPages(file.Node, last + (within > 0 ? 1 : 0));
                if (within > 0 && last < file.Node.Count && file.Node[last].Slot != 0)
                {
                    Change(file.Node, last, within, new byte[PageSize - within], mustFit: true);
                }
            }

            return error;
        }
    }

    internal Errno Allocate(BucketFile file, long offset, long length)
    {
        lock (_lock)
        {
            return file.Name.Size(out long size) != Errno.None || size >= offset + length ? Errno.None
                : TryLengthen(file, offset + length) ? file.Name.Truncate(offset + length)
                : Errno.ENOSPC;
        }
    }

    /// <summary>
    /// fsync: of the log, starts bringing it to the bucket (commits wait at the gate); of what Postgres keeps outside of it, waits until that is durable,
    /// if commits would. Of anything else, nothing: the log brings it back. No lock is held.
    /// </summary>
    internal Errno Sync(BucketFile file)
    {
        var log = Log;
        if (log is null)
        {
            return Errno.None;
        }

        if (StatePaths.IsWalSegment(file.OpenedPath))
        {
            log.Seal();
            log.WaitForRoom();
            return Errno.None;
        }

        if (!StatePaths.IsState(file.OpenedPath) || (file.Flags & OpenFlags.AccessMode) == OpenFlags.ReadOnly)
        {
            return Errno.None;
        }

        // A start after a crash syncs every file there is.
        Errno error;
        if (!file.Node.IsChanged || (error = Fetch(file, 0, long.MaxValue / 2)) == Errno.None)
        {
            lock (_lock)
            {
                if (file.Node is { IsChanged: true, IsUnlinked: false })
                {
                    log.Note(WholeFile(file.OpenedPath, file.Node));
                    file.Node.IsChanged = false;
                }
            }
        }
        else
        {
            return error;
        }

        log.Seal();
        long ticket = log.CommitTicket();
        return ticket == 0 || log.WaitUntilDurable(ticket) ? Errno.None : Errno.EIO;
    }

    private Task BringAsync(BucketNode node, PageFrame frame, int wanted, bool mayGiveUp)
    {
        return _frames.ReadAsync(frame, IsWanted, Take);

        bool IsWanted()
        {
            lock (_lock)
            {
                return wanted < node.Count && node[wanted].IsAbsent && ReferenceEquals(node[wanted].Frame, frame);
            }
        }

        void Take(byte[] pages)
        {
            lock (_lock)
            {
                // A file's pages in one frame are mostly neighbours; those that are far away are fetched again when somebody wants them.
                int left = frame.Pages;
                for (int page = wanted; page < node.Count && page < wanted + FrameReach && left > 0; page++)
                {
                    left -= Place(ref node[page], pages);
                }

                for (int page = wanted - 1; page >= 0 && page > wanted - FrameReach && left > 0; page--)
                {
                    left -= Place(ref node[page], pages);
                }
            }
        }

        int Place(ref PagePlace place, byte[] pages)
        {
            if (!ReferenceEquals(place.Frame, frame))
            {
                return 0;
            }

            if (place.Slot == 0)
            {
                place.Slot = WriteNew(pages.AsSpan(place.Skip * PageSize, PageSize), mustFit: false, mayGiveUp);
            }

            return 1;
        }
    }

    // Bytes of the range that the file has.
    private static long Clip(BucketFile file, long offset, long count)
    {
        file.Name.Size(out long size);
        return Math.Min(count, size - offset);
    }

    private static int FirstAbsent(BucketNode node, long offset, long count)
    {
        long end = Math.Min((offset + count + PageSize - 1) / PageSize, node.Count);
        for (int page = (int)(offset / PageSize); page < end; page++)
        {
            if (node[page].IsAbsent)
            {
                return page;
            }
        }

        return -1;
    }

    // The offset of a page that is not here and of which only a part would be written; -1 for none.
    private static long PartlyWritten(BucketNode node, long offset, int count)
    {
        long first = offset / PageSize, last = (offset + count - 1) / PageSize;
        return offset % PageSize != 0 && first < node.Count && node[(int)first].IsAbsent ? first * PageSize
            : (offset + count) % PageSize != 0 && last < node.Count && node[(int)last].IsAbsent ? last * PageSize
            : -1;
    }

    private void Copy(BucketNode node, Span<byte> buffer, long offset)
    {
        for (int done = 0; done < buffer.Length;)
        {
            int page = (int)((offset + done) / PageSize), within = (int)((offset + done) % PageSize), n = Math.Min(PageSize - within, buffer.Length - done);
            var part = buffer.Slice(done, n);
            int slot = page < node.Count ? node[page].Slot : 0;
            if (slot == 0)
            {
                part.Clear();
            }
            else
            {
                _pages.Read(slot, within, part);
            }

            Record(node, page);
            done += n;
        }
    }

    private int WriteHere(BucketFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        var node = file.Node;
        file.Name.Size(out long size);
        try
        {
            if (!TryLengthen(file, offset + bytes.Length))
            {
                return -(int)Errno.ENOSPC;
            }

            bool isCatalog = false, mustFit = !StatePaths.IsRelation(file.OpenedPath);
            if (Log is not null && StatePaths.IsWalSegment(file.OpenedPath))
            {
                NoteChanged(file, bytes, offset);
                _logEnd = (node, (int)((offset + bytes.Length - 1) / PageSize));
            }
            else
            {
                isCatalog = Log is not null && IsRecording && StatePaths.IsCatalog(file.OpenedPath);
            }

            for (int done = 0; done < bytes.Length;)
            {
                int page = (int)((offset + done) / PageSize), within = (int)((offset + done) % PageSize), n = Math.Min(PageSize - within, bytes.Length - done);
                var part = bytes.Slice(done, n);
                ref var place = ref node[page];
                if (isCatalog && _recordedWrites < MaximumRecordedWrites && Record(node, page))
                {
                    _recordedWrites++;
                }

                if (n == PageSize && !part.ContainsAnyExcept((byte)0))
                {
                    Drop(ref place);
                }
                else
                {
                    Change(node, page, within, part, mustFit);
                }

                done += n;
            }

            node.IsChanged = true;
            node.IsWritten |= Log is not null;
            return offset + bytes.Length <= size || file.Name.Truncate(offset + bytes.Length) == Errno.None ? bytes.Length : -(int)Errno.EFBIG;
        }
        catch (IOException)
        {
            if (offset + bytes.Length > size)
            {
                CutZeros(node, offset + bytes.Length, size);
                CutPages(node, (int)PagesOf(size));
            }

            return -(int)Errno.ENOSPC;
        }
    }

    // Postgres writes whole pages of its log, most of which are there already: only what is new goes to the bucket.
    private void NoteChanged(BucketFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        Span<byte> old = stackalloc byte[PageSize];
        int start = -1, end = -1;
        for (int done = 0; done < bytes.Length;)
        {
            int within = (int)((offset + done) % PageSize), n = Math.Min(PageSize - within, bytes.Length - done);
            int page = (int)((offset + done) / PageSize);
            var part = bytes.Slice(done, n);
            var known = old[..n];
            int slot = page < file.Node.Count ? file.Node[page].Slot : 0;
            if (slot == 0)
            {
                known.Clear();
            }
            else
            {
                _pages.Read(slot, within, known);
            }

            int same = part.CommonPrefixLength(known);
            if (same < n)
            {
                start = start < 0 ? done + same : start;
                int last = n - 1;
                while (part[last] == known[last])
                {
                    last--;
                }

                end = done + last + 1;
            }

            done += n;
        }

        if (start >= 0)
        {
            Log!.Note(new LogPart.Bytes(file.OpenedPath, offset + start, bytes[start..end].ToArray()));
        }
    }

    private void Change(BucketNode node, int page, int within, ReadOnlySpan<byte> bytes, bool mustFit)
    {
        ref var place = ref node[page];
        if (place.Slot == 0 || _pages.IsFrozen(place.Slot))
        {
            int slot;
            if (bytes.Length < PageSize)
            {
                Span<byte> whole = stackalloc byte[PageSize];
                whole.Clear();
                if (place.Slot != 0)
                {
                    _pages.Read(place.Slot, 0, whole);
                }

                bytes.CopyTo(whole[within..]);
                slot = WriteNew(whole, mustFit);
            }
            else
            {
                slot = WriteNew(bytes, mustFit);
            }

            Written(node, place);
            if (place.Slot != 0)
            {
                _pages.Give(place.Slot);
            }

            place.Slot = slot;
        }
        else
        {
            _pages.Write(place.Slot, within, bytes);
        }

        place.Frame = null;
    }

    private void Drop(ref PagePlace place)
    {
        if (place.Slot != 0)
        {
            _pages.Give(place.Slot);
        }

        place = default;
    }

    private void CutPages(BucketNode node, int count)
    {
        for (int page = node.NextTouched(count); page < node.Count; page = node.NextTouched(page + 1))
        {
            Drop(ref node[page]); // others have nothing here
        }

        if (count == 0)
        {
            _zeros -= node.Zeros;
            node.Zeros = 0;
        }

        node.Cut(count);
    }

    // A log segment that was made under another name: the first one of a new timeline has the end of the old one's last.
    private void NoteWhole(string path, BucketNode node)
    {
        var page = new byte[PageSize];
        for (int i = 0; Log is not null && i < node.Count; i++)
        {
            if (node[i].Slot != 0)
            {
                _pages.Read(node[i].Slot, 0, page);
                Log.Note(new LogPart.Bytes(path, (long)i * PageSize, page.AsSpan().TrimEnd((byte)0).ToArray()));
            }
        }
    }

    private LogPart.Whole WholeFile(string path, BucketNode node)
    {
        int mode = 0x180;
        long size = 0;
        if (_names.Stat(path, followLink: false, out var status) == Errno.None)
        {
            (mode, size) = (status.Mode & 0xFFF, status.Size);
        }

        var content = new byte[size];
        for (int at = 0; at < content.Length; at += PageSize)
        {
            int slot = at / PageSize < node.Count ? node[at / PageSize].Slot : 0;
            if (slot != 0)
            {
                _pages.Read(slot, 0, content.AsSpan(at, Math.Min(PageSize, content.Length - at)));
            }
        }

        return new LogPart.Whole(path, mode, content);
    }
}
