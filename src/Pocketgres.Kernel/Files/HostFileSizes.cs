namespace Pocketgres.Kernel.Files;

/// <summary>
/// How long the host's files are that processes have open for writing: Postgres asks in the planning of each query, of each table and index, and the host's
/// answer takes a system call. All such descriptions of a file share one entry, so that each sees what any of them wrote.
/// </summary>
/// <remarks>
/// True as long as only this kernel changes these files, which the lock of a data directory sees to. Files that are open for reading only are not here: those belong
/// to somebody else. Thread-safe: an entry changes under its own lock, and what a write has made of the size counts only if nobody had to forget it since the write began.
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

        private long _size = -1; // negative: the host has to be asked
        private int _version; // counts what is forgotten

        /// <summary>Counts how often the size was forgotten: to be taken before a write, for <see cref="Written"/>.</summary>
        public int Version => Volatile.Read(ref _version);

        /// <summary>The size, as known or as the host says; negative when the host cannot say.</summary>
        public long SizeOr(Func<long> ask)
        {
            long known = Volatile.Read(ref _size);
            if (known >= 0)
            {
                return known;
            }

            lock (this)
            {
                if (_size < 0)
                {
                    // Who writes meanwhile tells afterwards how far.
                    Volatile.Write(ref _size, ask());
                }

                return _size;
            }
        }

        /// <summary>The host has to be asked next time: after a change whose outcome the caller does not know.</summary>
        public void Forget()
        {
            lock (this)
            {
                Volatile.Write(ref _version, _version + 1);
                Volatile.Write(ref _size, -1);
            }
        }

        /// <summary>Bytes up to <paramref name="end"/> were written.</summary>
        /// <param name="end">Offset of the first byte behind them.</param>
        /// <param name="version">The version before the write.</param>
        public void Written(long end, int version)
        {
            if (end <= Volatile.Read(ref _size))
            {
                return;
            }

            lock (this)
            {
                if (version != _version)
                {
                    Volatile.Write(ref _size, -1); // whether the write or the other change came first is not known
                }
                else if (_size >= 0 && end > _size)
                {
                    Volatile.Write(ref _size, end);
                }
            }
        }
    }
}
