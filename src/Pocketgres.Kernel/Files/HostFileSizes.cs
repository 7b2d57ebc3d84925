namespace Pocketgres.Kernel.Files;

/// <summary>
/// How long the host's files are that processes have open for writing: Postgres asks in the planning of each query, of each table and index, and the host's
/// answer takes a system call. All such descriptions of a file share one entry, so that each sees what any of them wrote.
/// </summary>
/// <remarks>
/// True as long as only this kernel changes these files, which the lock of a data directory sees to. Files that are open for reading only are not here: those belong
/// to somebody else. Entries are read and written under the global lock; the table has its own, for descriptions that are closed elsewhere.
/// </remarks>
internal sealed class HostFileSizes
{
    private readonly Dictionary<(uint Major, uint Minor, long Inode), Entry> _open = [];

    /// <summary>The entry of a file that was opened, perhaps truncated thereby; the same for each of its descriptions until the last has given it back.</summary>
    public Entry Take(in HostCalls.HostStatus status)
    {
        var key = KeyOf(status);
        lock (_open)
        {
            if (!_open.TryGetValue(key, out var entry))
            {
                _open.Add(key, entry = new Entry(key));
            }

            entry.References++;
            entry.Forget();
            return entry;
        }
    }

    /// <summary>A description is closed.</summary>
    public void Give(Entry entry)
    {
        lock (_open)
        {
            if (--entry.References == 0)
            {
                _open.Remove(entry.Key);
            }
        }
    }

    /// <summary>A file was changed by its name.</summary>
    public void Forget(in HostCalls.HostStatus status)
    {
        lock (_open)
        {
            if (_open.TryGetValue(KeyOf(status), out var entry))
            {
                entry.Forget();
            }
        }
    }

    private static (uint Major, uint Minor, long Inode) KeyOf(in HostCalls.HostStatus status) => (status.DeviceMajor, status.DeviceMinor, status.Inode);

    /// <summary>One file.</summary>
    internal sealed class Entry((uint Major, uint Minor, long Inode) key)
    {
        public (uint Major, uint Minor, long Inode) Key { get; } = key;

        public int References { get; set; }

        /// <summary>Bytes; negative when the host has to be asked.</summary>
        public long Size { get; set; } = -1;

        /// <summary>The host has to be asked next time: after a change whose outcome the caller does not know.</summary>
        public void Forget() => Size = -1;

        /// <summary>Bytes up to <paramref name="end"/> were written.</summary>
        public void Written(long end)
        {
            if (Size >= 0 && end > Size)
            {
                Size = end;
            }
        }
    }
}
