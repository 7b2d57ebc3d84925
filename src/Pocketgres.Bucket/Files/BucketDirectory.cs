using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Bucket.Files;

/// <summary>An open directory of a <see cref="BucketFileSystem"/> in which others make and remove names than the processes of the kernel.</summary>
internal sealed class BucketDirectory : OpenFile
{
    private readonly Lock _lock;
    private readonly OpenFile _directory;

    public BucketDirectory(Lock fileSystem, OpenFile directory)
    {
        _lock = fileSystem;
        _directory = directory;
        Flags = directory.Flags;
    }

    public override Errno Status(out FileStatus status)
    {
        lock (_lock)
        {
            return _directory.Status(out status);
        }
    }

    public override Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> entries)
    {
        lock (_lock)
        {
            return _directory.ReadDirectory(out entries);
        }
    }

    public override Errno ChangeMode(int mode)
    {
        lock (_lock)
        {
            return _directory.ChangeMode(mode);
        }
    }

    public override Errno SetTimes(long? accessed, long? modified)
    {
        lock (_lock)
        {
            return _directory.SetTimes(accessed, modified);
        }
    }

    protected override void Close()
    {
        lock (_lock)
        {
            _directory.Release();
        }
    }
}
