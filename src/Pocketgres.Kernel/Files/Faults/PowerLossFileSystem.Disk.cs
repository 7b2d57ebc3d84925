namespace Pocketgres.Kernel.Files.Faults;

/// <content>What is on the disk, and how it gets there. All under the lock.</content>
public sealed unsafe partial class PowerLossFileSystem
{
    private const int CopySize = 64 * 1024;

    private readonly byte[] _copy = new byte[CopySize];

    /// <summary>Bytes were written to the cache.</summary>
    internal void Written(PowerLossNode node, byte* buffer, int count, long offset, bool sync)
    {
        node.Dirty.Add((offset, offset + count));
        if (sync)
        {
            SyncFile(node);
        }
        else if (Chance(_options.WriteBack))
        {
            CutOnDisk(node); // blocks freed by a truncation are only used again once that is on the disk
            int sector = _options.SectorSize;
            for (long start = offset; start < offset + count;)
            {
                long end = Math.Min(offset + count, (start / sector * sector) + sector);
                if (_random.Next(2) == 0)
                {
                    WriteDisk(node, buffer + (start - offset), (int)(end - start), start);
                }

                start = end;
            }
        }
    }

    /// <summary>The file's size was set.</summary>
    internal void Resized(PowerLossNode node, long size)
    {
        node.CutTo = Math.Min(node.CutTo, size);
        node.SizeChanged = true;
        node.Dirty.RemoveAll(r => r.Start >= size);
        if (Chance(_options.WriteBack))
        {
            CutOnDisk(node);
        }
    }

    /// <summary>fsync(2) or fdatasync(2): after a crash nobody can tell them apart, since times are not kept.</summary>
    internal void Sync(PowerLossNode node)
    {
        if (node.IsDirectory)
        {
            Flush(node, _pending.Count);
            return;
        }

        SyncFile(node);
        if (_options.NamesWithFiles)
        {
            FlushNames(node);
        }
    }

    /// <summary>syncfs(2).</summary>
    internal void SyncAll()
    {
        foreach (var node in _nodes.Values.Where(n => n.Disk is not null))
        {
            SyncFile(node);
        }

        foreach (var change in _pending.ToList())
        {
            Apply(change);
        }
    }

    /// <summary>An open file was closed.</summary>
    internal void Closed(PowerLossNode node, OpenFile cached)
    {
        lock (_lock)
        {
            cached.Release();
            node.Opens--;
            DropIfUnused(node);
        }
    }

    internal void ChangeDiskMode(PowerLossNode node, int mode)
    {
        if (node.Disk is { } file)
        {
            Must(file.ChangeMode(mode));
        }
        else if (node.IsDirectory)
        {
            Must(_disk.ChangeMode(DiskPath(node), mode));
        }
    }

    private bool Chance(double probability) => probability > 0 && _random.NextDouble() < probability;

    private static void WriteDisk(PowerLossNode node, byte* buffer, int count, long offset)
    {
        if (node.Disk!.WriteAt(buffer, count, offset) != count)
        {
            throw new InvalidOperationException("the simulated disk is full: a bug in the simulation");
        }
    }

    private static void CutOnDisk(PowerLossNode node)
    {
        Must(node.Disk!.Status(out var status));
        if (node.CutTo < status.Size)
        {
            Must(node.Disk.Truncate(node.CutTo));
        }

        node.CutTo = long.MaxValue;
    }

    private void SyncFile(PowerLossNode node)
    {
        if (node.Dirty.Count == 0 && !node.SizeChanged)
        {
            return;
        }

        CutOnDisk(node);
        foreach (var (start, end) in node.Dirty)
        {
            Copy(node, start, end);
        }

        Must(node.Cached!.Status(out var status));
        Must(node.Disk!.Status(out var onDisk));
        if (onDisk.Size != status.Size)
        {
            Must(node.Disk.Truncate(status.Size));
        }

        node.Dirty.Clear();
        node.SizeChanged = false;
    }

    private void Copy(PowerLossNode node, long start, long end)
    {
        fixed (byte* p = _copy)
        {
            while (start < end)
            {
                int n = node.Cached!.ReadAt(p, (int)Math.Min(CopySize, end - start), start);
                if (n <= 0)
                {
                    return; // cut off since
                }

                WriteDisk(node, p, n, start);
                start += n;
            }
        }
    }

    /// <summary>A change of names was made in the cache.</summary>
    private void Record(PowerLossChange change)
    {
        change.Node.CacheNames += (change.To is null ? 0 : 1) - (change.From is null ? 0 : 1);
        change.Node.PendingChanges++;
        _pending.Add(change);
        if (Chance(_options.NameWriteBack))
        {
            Flush(change.To ?? change.From!, _pending.Count);
        }
    }

    /// <summary>Applies the first <paramref name="count"/> pending changes as far as they concern a directory, and what must come before them.</summary>
    private void Flush(PowerLossNode directory, int count)
    {
        foreach (var change in _pending.Take(count).Where(c => c.Touches(directory)).ToList())
        {
            int index = _pending.IndexOf(change);
            if (index < 0)
            {
                continue; // came along with another one
            }

            var other = change.From == directory ? change.To : change.From;
            if (other is not null && other != directory)
            {
                Flush(other, index);
            }

            if (_pending.Contains(change))
            {
                Apply(change);
            }
        }
    }

    /// <summary>Makes the names durable that a file, or a directory above it, was given.</summary>
    private void FlushNames(PowerLossNode node)
    {
        while (_pending.FindLastIndex(c => c.Node == node && c.To is not null) is var index and >= 0)
        {
            var directory = _pending[index].To!;
            Flush(directory, index + 1);
            FlushNames(directory);
        }
    }

    private void Apply(PowerLossChange change)
    {
        _pending.Remove(change);
        var node = change.Node;
        node.PendingChanges--;
        if (node.IsDirectory && change.To is null)
        {
            Flush(node, _pending.Count); // it must be empty on the disk too
        }

        if (change.From is { } from && !node.IsDirectory)
        {
            Must(_disk.Unlink(FileTree.Combine(DiskPath(from), change.FromName)));
            node.DiskNames--;
        }

        if (change.To is { } to)
        {
            AddOnDisk(node, to, change.ToName);
        }
        else if (node.IsDirectory)
        {
            Must(_disk.RemoveDirectory(DiskPath(node)));
            node.DiskNames--;
            node.Parent = null;
        }

        DropIfUnused(node);
    }

    private void AddOnDisk(PowerLossNode node, PowerLossNode directory, string name)
    {
        string path = FileTree.Combine(DiskPath(directory), name);
        if (_disk.Stat(path, false, out var old) == Errno.None)
        {
            var replaced = _byDiskInode[old.Inode];
            if (replaced.IsDirectory)
            {
                Flush(replaced, _pending.Count);
                Must(_disk.RemoveDirectory(path));
                replaced.Parent = null;
            }
            else
            {
                Must(_disk.Unlink(path));
            }

            replaced.DiskNames--;
            DropIfUnused(replaced);
        }

        if (node.IsDirectory)
        {
            Must(_disk.Rename(DiskPath(node), path));
            node.DiskNames = 1;
            node.Parent = directory;
            node.Name = name;
        }
        else
        {
            Must(_disk.Link(InodePath(node), path));
            node.DiskNames++;
        }
    }
}
