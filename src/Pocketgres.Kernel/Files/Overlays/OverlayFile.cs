namespace Pocketgres.Kernel.Files.Overlays;

/// <summary>
/// An open file of an <see cref="OverlayFileSystem"/>. Each block is either in memory, as a whole, or below; writing a part of one brings the rest up first.
/// </summary>
internal sealed unsafe class OverlayFile : OpenFile
{
    /// <summary>Bytes of a block: the unit of memory, so that a write of one happens wholly or not at all.</summary>
    public const int BlockSize = ChunkPool.ChunkSize;

    private readonly OverlayFileSystem _fileSystem;
    private readonly OverlayNode _node;
    private readonly OpenFile _memory;
    private OpenFile? _below;

    public OverlayFile(OverlayFileSystem fileSystem, OverlayNode node, OpenFile memory)
    {
        _fileSystem = fileSystem;
        _node = node;
        _memory = memory;
        Flags = memory.Flags;
    }

    public override int ReadAt(byte* buffer, int count, long offset)
    {
        int n = _memory.ReadAt(buffer, count, offset); // decides where the file ends
        for (long at = offset; at < offset + n;)
        {
            long block = at / BlockSize, end = (block + 1) * BlockSize;
            if (!_node.IsBelow(block))
            {
                at = end;
                continue;
            }

            while (end < offset + n && _node.IsBelow(end / BlockSize))
            {
                end += BlockSize;
            }

            int wanted = (int)(Math.Min(Math.Min(end, offset + n), _node.Length) - at);
            var error = ReadBelow(buffer + (at - offset), wanted, at);
            if (error != Errno.None)
            {
                return -(int)error;
            }

            at = end;
        }

        return n;
    }

    public override int WriteAt(byte* buffer, int count, long offset)
    {
        int done = 0;
        while (done < count)
        {
            long at = offset + done, block = at / BlockSize;
            int length = (int)Math.Min(count - done, ((block + 1) * BlockSize) - at);
            var error = at >= 0 && length < BlockSize ? MoveUp(block) : Errno.None;
            int n = error == Errno.None ? _memory.WriteAt(buffer + done, length, at) : -(int)error;
            if (n <= 0)
            {
                return done > 0 ? done : n;
            }

            _node.MovedUp(block);
            done += n;
        }

        return done;
    }

    public override Errno Truncate(long length)
    {
        var error = _memory.Truncate(length);
        if (error == Errno.None)
        {
            _node.Cut(length);
        }

        return error;
    }

    public override Errno Allocate(long offset, long length) => _memory.Allocate(offset, length);

    public override Errno Status(out FileStatus status) => _memory.Status(out status);

    public override Errno ChangeMode(int mode) => _memory.ChangeMode(mode);

    public override Errno SetTimes(long? accessed, long? modified) => _memory.SetTimes(accessed, modified);

    public override int ShareAsMemory(long length)
    {
        for (long block = 0; block * BlockSize < _node.Length; block++)
        {
            if (MoveUp(block) != Errno.None)
            {
                return -1;
            }
        }

        return _memory.ShareAsMemory(length);
    }

    protected override void Close()
    {
        _memory.Release();
        _below?.Release();
    }

    private Errno MoveUp(long block)
    {
        if (!_node.IsBelow(block))
        {
            return Errno.None;
        }

        byte* bytes = stackalloc byte[BlockSize];
        long start = block * BlockSize;
        int length = (int)Math.Min(BlockSize, _node.Length - start);
        var error = ReadBelow(bytes, length, start);
        if (error == Errno.None)
        {
            int n = _memory.WriteAt(bytes, length, start);
            error = n == length ? Errno.None : n < 0 ? (Errno)(-n) : Errno.ENOSPC;
        }

        if (error == Errno.None)
        {
            _node.MovedUp(block);
        }

        return error;
    }

    private Errno ReadBelow(byte* buffer, int count, long offset)
    {
        if (_below is null)
        {
            var error = _fileSystem.Lower.Open(_node.Path, OpenFlags.ReadOnly, 0, out _below);
            if (error != Errno.None)
            {
                return error;
            }
        }

        for (int done = 0; done < count;)
        {
            int n = _below!.ReadAt(buffer + done, count - done, offset + done);
            if (n <= 0)
            {
                return n < 0 ? (Errno)(-n) : Errno.EIO;
            }

            done += n;
        }

        return Errno.None;
    }
}
