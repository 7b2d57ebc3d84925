using System.Buffers;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Bucket.Files;

/// <summary>An open regular file of a <see cref="BucketFileSystem"/>.</summary>
internal sealed unsafe class BucketFile : OpenFile
{
    private readonly BucketFileSystem _fileSystem;
    private ReadAhead _ahead;

    public BucketFile(BucketFileSystem fileSystem, BucketNode node, OpenFile name, string path)
    {
        _fileSystem = fileSystem;
        Node = node;
        Name = name;
        OpenedPath = path;
        Flags = name.Flags;
    }

    /// <summary>Its content.</summary>
    public BucketNode Node { get; }

    /// <summary>The file of the same name in the tree of names: modes, times and length.</summary>
    public OpenFile Name { get; }

    /// <summary>Its path in the file system when it was opened.</summary>
    public string OpenedPath { get; }

    /// <summary>How far it was read, by whoever has this descriptor.</summary>
    public ref ReadAhead Ahead => ref _ahead;

    public override bool MustFetch(long offset, long count) => _fileSystem.IsAbsent(this, offset, count);

    public override Errno Fetch(long offset, long count) => _fileSystem.Fetch(this, offset, count);

    public override int ReadAt(byte* buffer, int count, long offset) => _fileSystem.Read(this, new Span<byte>(buffer, count), offset);

    public override int WriteAt(byte* buffer, int count, long offset)
    {
        // Of what is written, the difference goes to the bucket and the whole into the page: both from one copy, because other processes add to a page of the log while it is written.
        byte[] copy = ArrayPool<byte>.Shared.Rent(count);
        try
        {
            new ReadOnlySpan<byte>(buffer, count).CopyTo(copy);
            return _fileSystem.Write(this, copy.AsSpan(0, count), offset);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    public override Errno Truncate(long length) => _fileSystem.Truncate(this, length);

    public override Errno Allocate(long offset, long length) => _fileSystem.Allocate(this, offset, length);

    public override Errno Sync(bool dataOnly) => _fileSystem.Sync(this);

    public override Errno Advise(long offset, long length, int advice)
    {
        if (advice == WillNeed && offset >= 0 && length >= 0)
        {
            _fileSystem.Prefetch(this, offset, length == 0 ? long.MaxValue / 2 : length);
        }

        return Errno.None;
    }

    public override Errno Status(out FileStatus status) => _fileSystem.Status(this, out status);

    public override Errno ChangeMode(int mode) => _fileSystem.ChangeMode(this, mode);

    public override Errno SetTimes(long? accessed, long? modified) => _fileSystem.SetTimes(this, accessed, modified);

    protected override void Close() => _fileSystem.Closed(this);
}
