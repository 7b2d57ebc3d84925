using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace Pocketgres.Bucket.Files;

/// <summary>
/// Pages of 8 KiB in a file of the host that has no name: what of the cluster is here. The host keeps in memory what is used, and its disk takes the rest.
/// Nothing in it survives the process, and nothing needs to.
/// </summary>
/// <remarks>Slots are given out and taken back under the file system's lock; reading and writing one is thread-safe by itself.</remarks>
internal sealed class PageFile : IDisposable
{
    /// <summary>Bytes of a page.</summary>
    public const int PageSize = 8192;

    /// <summary>Pages at most that are in memory because the host's disk had no room for them.</summary>
    public const int MaximumKept = 8192;

    private readonly SafeFileHandle _file;
    private readonly string _directory;
    private DriveInfo? _disk; // made when it is asked
    private readonly Stack<int> _free = new();
    private readonly Stack<int> _holes = new(); // free ones too, for which the host's disk had no room
    private readonly ConcurrentDictionary<int, byte[]> _kept = new();
    private int _keptCount;
    private readonly HashSet<int> _frozen = [];
    private readonly List<int> _freeAfterThaw = [];
    private int _end = 1; // 0 is no slot

    /// <summary>Makes a file in a directory of the host.</summary>
    public PageFile(string directory)
    {
        string path = Path.Combine(directory, $"pocketgres-pages-{Path.GetRandomFileName()}");
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        File.Delete(path);
        _directory = directory;
    }

    /// <summary>Bytes of pages in use.</summary>
    public long UsedBytes => (long)(_end - 1 - _free.Count - _holes.Count) * PageSize;

    /// <summary>Bytes that there is room for: on the host's disk, and in slots that nobody uses.</summary>
    public long AvailableBytes
    {
        get
        {
            try
            {
                _disk ??= new DriveInfo(_directory);
                return _disk.AvailableFreeSpace + ((long)_free.Count * PageSize);
            }
            catch (IOException)
            {
                return long.MaxValue; // it cannot be asked: whoever writes will see
            }
        }
    }

    /// <summary>A slot that nobody uses.</summary>
    public int Take() => _free.TryPop(out int slot) || _holes.TryPop(out slot) ? slot : _end++;

    /// <summary>Gives a slot back.</summary>
    public void Give(int slot)
    {
        if (_frozen.Contains(slot))
        {
            _freeAfterThaw.Add(slot);
        }
        else
        {
            (TakeOut(slot) ? _holes : _free).Push(slot);
        }
    }

    /// <summary>Gives a slot back for which there was no room.</summary>
    public void GiveHole(int slot) => _holes.Push(slot);

    /// <summary>Whether the slot must stay as it is.</summary>
    public bool IsFrozen(int slot) => _frozen.Contains(slot);

    /// <summary>Keeps slots as they are until <see cref="Thaw"/>.</summary>
    public void Freeze(IEnumerable<int> slots) => _frozen.UnionWith(slots);

    /// <summary>Ends <see cref="Freeze"/>.</summary>
    public void Thaw()
    {
        _frozen.Clear();
        _freeAfterThaw.ForEach(Give);
        _freeAfterThaw.Clear();
    }

    /// <summary>Reads a part of a page.</summary>
    public void Read(int slot, int offset, Span<byte> bytes)
    {
        if (Volatile.Read(ref _keptCount) > 0 && _kept.TryGetValue(slot, out byte[]? page))
        {
            page.AsSpan(offset, bytes.Length).CopyTo(bytes);
            return;
        }

        int n = RandomAccess.Read(_file, bytes, ((long)slot * PageSize) + offset);
        bytes[n..].Clear(); // the file's end: a page that was written in part
    }

    /// <summary>Writes a part of a page.</summary>
    /// <exception cref="IOException">The host's disk is full, or fails.</exception>
    public void Write(int slot, int offset, ReadOnlySpan<byte> bytes)
    {
        if (_keptCount > 0 && _kept.TryGetValue(slot, out byte[]? page))
        {
            bytes.CopyTo(page.AsSpan(offset));
        }
        else
        {
            RandomAccess.Write(_file, bytes, ((long)slot * PageSize) + offset);
        }
    }

    /// <summary>Has a page in memory instead of on the host's disk, until its slot is given back; false when there are <see cref="MaximumKept"/> already.</summary>
    public bool TryKeep(int slot, ReadOnlySpan<byte> page)
    {
        if (_keptCount >= MaximumKept)
        {
            return false;
        }

        _kept[slot] = page.ToArray();
        Volatile.Write(ref _keptCount, _keptCount + 1);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private bool TakeOut(int slot)
    {
        if (_keptCount == 0 || !_kept.TryRemove(slot, out _))
        {
            return false;
        }

        Volatile.Write(ref _keptCount, _keptCount - 1);
        return true;
    }
}
