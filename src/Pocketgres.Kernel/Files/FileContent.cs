using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Pocketgres.Kernel.Files.ChunkPool;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// The chunks of one memory file. Clones share the whole object until one of them writes, then single chunks.
/// A slot holds a chunk's address: 0 is a hole; bit 0 marks memory that is not ours (the mapped image, or the common zero chunk) and is
/// never written nor freed.
/// </summary>
/// <remarks>
/// Whoever holds the only reference may write; sharing is decided by the owner of a reference under its kernel's lock, so a count of 1
/// cannot rise meanwhile. Bytes of the last chunk behind the file's size are undefined: growing zeroes them (<see cref="ZeroTail"/>).
/// </remarks>
internal sealed unsafe class FileContent
{
    /// <summary>Chunks a file can have: 128 GiB. Postgres' segments end at 1 GiB.</summary>
    public const int MaxChunks = 1 << 24;

    private const int MaximumGathered = 64;

    private static readonly nint ZeroChunk = (nint)NativeMemory.AllocZeroed(ChunkSize) | 1; // immutable, shared by everybody, never freed

    private readonly ChunkPool _pool;
    private nint[] _slots;
    private int _references = 1;

    public FileContent(ChunkPool pool, nint[] slots)
    {
        _pool = pool;
        _slots = slots;
        foreach (nint slot in slots)
        {
            Used += slot != 0 ? 1 : 0;
        }
    }

    /// <summary>Slots that are not holes: what the file takes of the file system's limit.</summary>
    public int Used { get; private set; }

    /// <summary>One more owner: a clone.</summary>
    public FileContent Share()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>This object if the caller is its only owner, else a copy that shares the chunks; the caller's reference moves to it.</summary>
    public FileContent Exclusive()
    {
        if (Volatile.Read(ref _references) == 1)
        {
            return this;
        }

        foreach (nint slot in _slots)
        {
            if (IsOwned(slot))
            {
                AddReference((byte*)slot);
            }
        }

        var copy = new FileContent(_pool, (nint[])_slots.Clone());
        Release(); // only now: the chunks must not lose their last reference in between
        return copy;
    }

    /// <summary>Drops the caller's reference.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            foreach (nint slot in _slots)
            {
                if (IsOwned(slot))
                {
                    _pool.Release((byte*)slot);
                }
            }

            _slots = [];
        }
    }

    /// <summary>Copies bytes out; the caller has clipped the range to the file's size.</summary>
    public void Read(byte* buffer, int count, long offset)
    {
        while (count > 0)
        {
            int index = (int)(offset / ChunkSize), within = (int)(offset % ChunkSize), n = Math.Min(ChunkSize - within, count);
            nint slot = index < _slots.Length ? _slots[index] : 0;
            if (slot == 0)
            {
                new Span<byte>(buffer, n).Clear();
            }
            else
            {
                Buffer.MemoryCopy((byte*)(slot & ~1) + within, buffer, n, n);
            }

            buffer += n;
            offset += n;
            count -= n;
        }
    }

    /// <summary>Copies what is not zero to a memory object that is zero everywhere, neighbouring chunks together. False when the host refuses.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="size">The file's size.</param>
    public bool CopyTo(MemoryNode.SharedContent target, long size)
    {
        var vectors = stackalloc IoVector[MaximumGathered];
        int gathered = 0;
        int end = (int)Math.Min(_slots.Length, (size + ChunkSize - 1) / ChunkSize);
        for (int i = 0; i <= end; i++)
        {
            byte* chunk = i == end || _slots[i] == ZeroChunk ? null : (byte*)(_slots[i] & ~1);
            nint length = chunk == null ? 0 : (nint)Math.Min(ChunkSize, size - ((long)i * ChunkSize));
            bool isData = chunk != null && new ReadOnlySpan<byte>(chunk, (int)length).ContainsAnyExcept((byte)0);
            if (gathered > 0 && (!isData || gathered == MaximumGathered))
            {
                if (!target.Write(vectors, gathered, (long)(i - gathered) * ChunkSize))
                {
                    return false;
                }

                gathered = 0;
            }

            if (isData)
            {
                vectors[gathered++] = new IoVector((nint)chunk, length);
            }
        }

        return true;
    }

    /// <summary>
    /// Copies bytes in (caller: exclusive, tail zeroed) and returns how many; fewer when <paramref name="room"/>, the chunks that may
    /// still be added, or the host's memory ran out. <paramref name="size"/> is the file's size before: bytes of a chunk behind it are not data.
    /// </summary>
    public int Write(byte* buffer, int count, long offset, long size, long room)
    {
        int done = 0;
        int before = Used;
        while (done < count)
        {
            int index = (int)(offset / ChunkSize), within = (int)(offset % ChunkSize), n = Math.Min(ChunkSize - within, count - done);
            if (!WriteChunk(index, within, buffer + done, n, size, Used - before < room))
            {
                break;
            }

            done += n;
            offset += n;
        }

        return done;
    }

    /// <summary>Zeroes from <paramref name="size"/> to <paramref name="to"/> inside the last chunk, before the file grows over it. False: no memory.</summary>
    public bool ZeroTail(long size, long to)
    {
        int within = (int)(size % ChunkSize), index = (int)(size / ChunkSize);
        if (within == 0 || to <= size || index >= _slots.Length || _slots[index] == 0 || _slots[index] == ZeroChunk)
        {
            return true;
        }

        int end = (int)Math.Min(ChunkSize, within + (to - size));
        byte* chunk = Private(index, within, copy: true);
        if (chunk == null)
        {
            return false;
        }

        new Span<byte>(chunk + within, end - within).Clear();
        return true;
    }

    /// <summary>Drops the chunks that lie wholly behind <paramref name="size"/> (caller: exclusive).</summary>
    public void Truncate(long size)
    {
        int keep = (int)Math.Min((size + ChunkSize - 1) / ChunkSize, _slots.Length);
        for (int i = keep; i < _slots.Length; i++)
        {
            nint slot = _slots[i];
            Used -= slot != 0 ? 1 : 0;
            if (IsOwned(slot))
            {
                _pool.Release((byte*)slot);
            }
        }

        if (keep < _slots.Length)
        {
            Resize(keep);
        }
    }

    /// <summary>Fills holes in the range with reserved zeroes. False when that takes more than <paramref name="room"/> chunks; then nothing changed.</summary>
    public bool Allocate(long offset, long length, long room)
    {
        int first = (int)(offset / ChunkSize), end = (int)((offset + length + ChunkSize - 1) / ChunkSize);
        long holes = 0;
        for (int i = first; i < end; i++)
        {
            holes += i >= _slots.Length || _slots[i] == 0 ? 1 : 0;
        }

        if (holes > room)
        {
            return false;
        }

        EnsureSlots(end);
        for (int i = first; i < end; i++)
        {
            if (_slots[i] == 0)
            {
                _slots[i] = ZeroChunk;
                Used++;
            }
        }

        return true;
    }

    private static bool IsOwned(nint slot) => slot != 0 && (slot & 1) == 0;

    private bool WriteChunk(int index, int within, byte* source, int count, long size, bool mayAdd)
    {
        EnsureSlots(index + 1);
        nint slot = _slots[index];
        if (slot == 0 && !mayAdd)
        {
            return false;
        }

        // Postgres extends relations and makes WAL segments with pages of zeroes: they cost a slot, not memory.
        if (count == ChunkSize && !new ReadOnlySpan<byte>(source, ChunkSize).ContainsAnyExcept((byte)0))
        {
            Used += slot == 0 ? 1 : 0;
            if (IsOwned(slot))
            {
                _pool.Release((byte*)slot);
            }

            _slots[index] = ZeroChunk;
            return true;
        }

        int valid = (int)Math.Clamp(size - ((long)index * ChunkSize), 0, ChunkSize);
        byte* chunk = Private(index, valid, copy: count != ChunkSize);
        if (chunk == null)
        {
            return false;
        }

        Buffer.MemoryCopy(source, chunk + within, ChunkSize - within, count);
        return true;
    }

    /// <summary>
    /// The chunk at <paramref name="index"/> for writing: ours and unshared. A new one gets the first <paramref name="valid"/> bytes
    /// of the old one and zeroes, unless the caller overwrites everything.
    /// </summary>
    private byte* Private(int index, int valid, bool copy)
    {
        nint slot = _slots[index];
        if (IsOwned(slot) && IsExclusive((byte*)slot))
        {
            return (byte*)slot;
        }

        bool zeroed = copy && (slot == 0 || slot == ZeroChunk);
        byte* chunk = _pool.Allocate(zeroed);
        if (chunk == null)
        {
            return null;
        }

        if (copy && !zeroed)
        {
            Buffer.MemoryCopy((byte*)(slot & ~1), chunk, ChunkSize, valid);
            new Span<byte>(chunk + valid, ChunkSize - valid).Clear();
        }

        Used += slot == 0 ? 1 : 0;
        _slots[index] = (nint)chunk;
        if (IsOwned(slot))
        {
            _pool.Release((byte*)slot);
        }

        return chunk;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EnsureSlots(int count)
    {
        if (count > _slots.Length)
        {
            Resize(Math.Max(count, Math.Min(_slots.Length + (_slots.Length / 2), MaxChunks)));
        }
    }

    // Array.Resize of a number type is compiled at its first use.
    private void Resize(int count)
    {
        var slots = new nint[count];
        Array.Copy(_slots, slots, Math.Min(count, _slots.Length));
        _slots = slots;
    }
}
