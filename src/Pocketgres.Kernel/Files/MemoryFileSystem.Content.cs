using Pocketgres.Kernel.Memory;

namespace Pocketgres.Kernel.Files;

/// <content>Reading, writing and sizing of regular files.</content>
public sealed unsafe partial class MemoryFileSystem
{
    private const long MaxOffset = (long)FileContent.MaxChunks * ChunkPool.ChunkSize;

    internal int Read(MemoryNode node, byte* buffer, int count, long offset)
    {
        if (offset < 0)
        {
            return -(int)Errno.EINVAL;
        }

        count = (int)Math.Min(count, Math.Max(0, node.Size - offset));
        if (count == 0)
        {
            return 0;
        }

        if (node.Shared != null)
        {
            return node.Shared.Read(buffer, count, offset);
        }

        var content = node.Content ?? FromImage(node);
        if (content == null)
        {
            new Span<byte>(buffer, count).Clear();
        }
        else
        {
            content.Read(buffer, count, offset);
        }

        return count;
    }

    internal int Write(MemoryNode node, byte* buffer, int count, long offset)
    {
        if (offset < 0)
        {
            return -(int)Errno.EINVAL;
        }

        if (count == 0)
        {
            return 0;
        }

        if (offset >= MaxOffset)
        {
            return -(int)Errno.EFBIG;
        }

        count = (int)Math.Min(count, MaxOffset - offset);
        int n;
        if (node.Shared != null)
        {
            long before = node.UsedChunks;
            n = node.Shared.Write(buffer, count, offset);
            _usedChunks += node.UsedChunks - before;
        }
        else
        {
            var content = Writable(node);
            long before = content.Used;
            n = content.ZeroTail(node.Size, offset) ? content.Write(buffer, count, offset, node.Size, Room) : 0;
            _usedChunks += content.Used - before;
            n = n == 0 ? -(int)Errno.ENOSPC : n;
        }

        if (n > 0)
        {
            node.Size = Math.Max(node.Size, offset + n);
            node.Modified = node.Changed = Now;
        }

        return n;
    }

    internal Errno Truncate(MemoryNode node, long length)
    {
        if (length < 0)
        {
            return Errno.EINVAL;
        }

        if (length > MaxOffset)
        {
            return Errno.EFBIG;
        }

        if (node.Shared != null)
        {
            if (!Grow(node, length))
            {
                return Errno.ENOSPC;
            }

            node.Shared.ZeroFrom(Math.Min(length, node.Size));
        }
        else if (node.Content != null || node.Image != null)
        {
            var content = Writable(node);
            long before = content.Used;
            if (!content.ZeroTail(node.Size, length))
            {
                return Errno.ENOSPC;
            }

            content.Truncate(length);
            _usedChunks += content.Used - before;
        }

        node.Size = length;
        node.Modified = node.Changed = Now;
        return Errno.None;
    }

    // Smaller ones are not worth reading the host's limits.
    private const long LargeAllocation = 1 << 20;

    internal Errno Allocate(MemoryNode node, long offset, long length)
    {
        if (offset < 0 || length <= 0)
        {
            return Errno.EINVAL;
        }

        if (offset > MaxOffset - length)
        {
            return Errno.EFBIG;
        }

        if (length >= LargeAllocation && !HostMemory.Own.HasRoom(length))
        {
            return Errno.ENOSPC; // before the host's OOM killer comes
        }

        long end = offset + length;
        if (node.Shared != null)
        {
            if (!Grow(node, end))
            {
                return Errno.ENOSPC;
            }
        }
        else
        {
            var content = Writable(node);
            long before = content.Used;
            bool allocated = content.ZeroTail(node.Size, end) && content.Allocate(offset, length, Room);
            _usedChunks += content.Used - before;
            if (!allocated)
            {
                return Errno.ENOSPC;
            }
        }

        if (end > node.Size)
        {
            node.Size = end;
            node.Modified = Now;
        }

        node.Changed = Now;
        return Errno.None;
    }

    /// <summary>Moves the content into a memory object that mmap can share; see <see cref="OpenFile.ShareAsMemory"/>.</summary>
    internal int Share(MemoryNode node, long length)
    {
        if (node.Shared == null)
        {
            long used = node.UsedChunks;
            var shared = MemoryNode.SharedContent.Create(Math.Max(length, node.Size));
            if (shared == null || (node.Content ?? FromImage(node))?.CopyTo(shared, node.Size) == false)
            {
                shared?.Dispose();
                return -1;
            }

            node.Content?.Release();
            node.Content = null;
            node.Image = null;
            node.Shared = shared;
            _usedChunks += node.UsedChunks - used;
        }
        else if (!Grow(node, length))
        {
            return -1;
        }

        return node.Shared.Descriptor;
    }

    /// <summary>Content that only this file system owns.</summary>
    private FileContent Writable(MemoryNode node) => node.Content = (node.Content ?? FromImage(node) ?? new FileContent(_pool, [])).Exclusive();

    private FileContent? FromImage(MemoryNode node)
    {
        if (node.Image == null)
        {
            return null;
        }

        node.Content = new FileContent(_pool, node.Image.Slots(node.ImageEntry));
        node.Image = null;
        return node.Content;
    }

    private bool Grow(MemoryNode node, long length)
    {
        long before = node.UsedChunks;
        bool grown = node.Shared!.Grow(length);
        _usedChunks += node.UsedChunks - before;
        return grown;
    }
}
