namespace Pocketgres.Kernel.Files;

/// <summary>
/// An open file description (POSIX term): what open(2), socket(2) and pipe(2) create and what dup(2) and fork share,
/// with its offset and status flags. Counted references; the last <see cref="Release"/> closes it.
/// Used under the kernel's lock only, except where a member says otherwise.
/// Byte counts are returned as &gt;= 0, errors as negated <see cref="Errno"/>.
/// </summary>
public abstract unsafe class OpenFile
{
    private int _references = 1;

    /// <summary>Access mode and status flags (O_APPEND, O_NONBLOCK) as fcntl(F_GETFL) reports them.</summary>
    public OpenFlags Flags { get; set; }

    /// <summary>The file offset, shared by all descriptors of this description.</summary>
    public virtual long Position { get; set; }

    /// <summary>The host descriptor that poll(2) may wait on, or -1 when this file is always ready.</summary>
    public virtual int PollDescriptor => -1;

    /// <summary>The host descriptor of the content, for mmap and the like, or -1 when the content is not a host file.</summary>
    public virtual int HostDescriptor => -1;

    /// <summary>True when the file has an offset (regular files); false for pipes, sockets and terminals.</summary>
    public virtual bool IsSeekable => true;

    /// <summary>isatty(3).</summary>
    public virtual bool IsTerminal => false;

    /// <summary>Absolute path this was opened with, as the process saw it; for fchdir-like lookups relative to a descriptor.</summary>
    public string? Path { get; set; }

    /// <summary>The listing that getdents64 walks, taken when <see cref="Position"/> is 0; lives with the description as the offset does.</summary>
    internal IReadOnlyList<DirectoryEntry>? Listing { get; set; }

    /// <summary>Adds a reference (dup, fork).</summary>
    public OpenFile AddReference()
    {
        _references++;
        return this;
    }

    /// <summary>Drops a reference; the last one closes.</summary>
    public void Release()
    {
        if (--_references == 0)
        {
            Close();
        }
    }

    /// <summary>pread(2).</summary>
    public virtual int ReadAt(byte* buffer, int count, long offset) => -(int)Errno.ESPIPE;

    /// <summary>pwrite(2).</summary>
    public virtual int WriteAt(byte* buffer, int count, long offset) => -(int)Errno.ESPIPE;

    /// <summary>read(2): at <see cref="Position"/>, which it advances.</summary>
    public virtual int Read(byte* buffer, int count)
    {
        int n = ReadAt(buffer, count, Position);
        if (n > 0)
        {
            Position += n;
        }

        return n;
    }

    /// <summary>write(2): at <see cref="Position"/> or, with O_APPEND, at the end.</summary>
    public virtual int Write(byte* buffer, int count)
    {
        if ((Flags & OpenFlags.Append) != 0)
        {
            Position = Status(out var status) == Errno.None ? status.Size : Position;
        }

        int n = WriteAt(buffer, count, Position);
        if (n > 0)
        {
            Position += n;
        }

        return n;
    }

    /// <summary>preadv(2) into <paramref name="count"/> buffers. The default reads one after the other and stops at a short one.</summary>
    public virtual long ReadVectorAt(IoVector* vectors, int count, long offset)
    {
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            int n = ReadAt(vectors[i].Base, (int)vectors[i].Length, offset + total);
            if (n < 0)
            {
                return total > 0 ? total : n;
            }

            total += n;
            if (n < vectors[i].Length)
            {
                break;
            }
        }

        return total;
    }

    /// <summary>pwritev(2) from <paramref name="count"/> buffers. The default writes one after the other and stops at a short one.</summary>
    public virtual long WriteVectorAt(IoVector* vectors, int count, long offset)
    {
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            int n = WriteAt(vectors[i].Base, (int)vectors[i].Length, offset + total);
            if (n < 0)
            {
                return total > 0 ? total : n;
            }

            total += n;
            if (n < vectors[i].Length)
            {
                break;
            }
        }

        return total;
    }

    /// <summary>
    /// Whether transfers at an offset (<see cref="ReadAt"/>, <see cref="WriteAt"/> and those of several buffers) may run without the kernel's lock, beside each other and beside all else.
    /// </summary>
    public virtual bool TransfersUnlocked => false;

    /// <summary>Whether a read of this range would have to wait for another machine, so that <see cref="Fetch"/> is to be called first.</summary>
    public virtual bool MustFetch(long offset, long count) => false;

    /// <summary>Brings a range here, so that reading it does not wait. Called WITHOUT the kernel's lock, from any thread.</summary>
    public virtual Errno Fetch(long offset, long count) => Errno.None;

    /// <summary>fstat(2).</summary>
    public abstract Errno Status(out FileStatus status);

    /// <summary>The length in bytes, as lseek(2) with SEEK_END finds it.</summary>
    public virtual Errno Size(out long size)
    {
        var error = Status(out var status);
        size = status.Size;
        return error;
    }

    /// <summary>ftruncate(2).</summary>
    public virtual Errno Truncate(long length) => Errno.EINVAL;

    /// <summary>posix_fallocate(3): afterwards writes in the range cannot fail for lack of space.</summary>
    public virtual Errno Allocate(long offset, long length) => Errno.ENODEV;

    /// <summary>fsync(2), or fdatasync(2) with <paramref name="dataOnly"/>. Called WITHOUT the kernel's lock, from any thread.</summary>
    public virtual Errno Sync(bool dataOnly) => Errno.None;

    /// <summary>
    /// syncfs(2): makes everything on this file's file system durable. ENOSYS where that cannot be had or does not reach the disk:
    /// then sync file by file. Open before writing: an error that another opener has been told of is not reported again.
    /// </summary>
    public virtual Errno SyncFileSystem() => Errno.ENOSYS;

    /// <summary>fchmod(2).</summary>
    public virtual Errno ChangeMode(int mode) => Errno.None;

    /// <summary>futimens(3), times in nanoseconds since 1970; null leaves a time as it is.</summary>
    public virtual Errno SetTimes(long? accessed, long? modified) => Errno.None;

    /// <summary>POSIX_FADV_WILLNEED and POSIX_FADV_DONTNEED, of the C library's and of the host's.</summary>
    public const int WillNeed = 3, DontNeed = 4;

    /// <summary>posix_fadvise(2): a hint, with the host's numbers for <paramref name="advice"/>. May be called without the kernel's lock.</summary>
    public virtual Errno Advise(long offset, long length, int advice) => Errno.None;

    /// <summary>The directory's entries including "." and "..", read anew on each call; ENOTDIR when this is no directory.</summary>
    /// <param name="entries">Empty unless all of them could be read: half a listing would look like files that are gone.</param>
    public virtual Errno ReadDirectory(out IReadOnlyList<DirectoryEntry> entries)
    {
        entries = [];
        return Errno.ENOTDIR;
    }

    /// <summary>The descriptor of a memory file that mmap(MAP_SHARED) maps, at least <paramref name="length"/> bytes long, or -1 if unsupported.
    /// From then on the file's content lives there: reads, writes and maps see the same bytes.</summary>
    public virtual int ShareAsMemory(long length) => -1;

    /// <summary>What a clone opens in place of this; null when a snapshot cannot hold it. Under the kernel's lock.</summary>
    internal virtual FileSnapshot? Capture(SnapshotFiles files) => Path is null ? null : new NamedFileSnapshot();

    /// <summary>Called when the last reference goes.</summary>
    protected virtual void Close()
    {
    }
}

/// <summary>One buffer of a scattered transfer; laid out as the host's <c>struct iovec</c>.</summary>
/// <param name="Address">Address of the first byte.</param>
/// <param name="Length">Bytes.</param>
public readonly unsafe record struct IoVector(nint Address, nint Length)
{
    /// <summary>First byte.</summary>
    public byte* Base => (byte*)Address;
}
