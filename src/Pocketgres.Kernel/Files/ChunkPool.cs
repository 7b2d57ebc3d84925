using System.Runtime.CompilerServices;
using static Pocketgres.Kernel.Files.HostCalls;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// Native memory for file contents in chunks of 8 KiB (one Postgres page), counted references, outside the garbage collected heap.
/// One pool serves a file system and all its clones, which may belong to different kernels: every member may be called from any thread.
/// </summary>
/// <remarks>
/// Slab layout: 1 MiB, aligned to its size. Chunk 0 is the header: <c>int references[128]</c> at +0 and
/// <c>byte free[128]</c> at +512; chunks 1..127 hold data. The slab of a chunk is found by masking its address.
/// </remarks>
internal sealed unsafe class ChunkPool
{
    /// <summary>Bytes of a chunk.</summary>
    public const int ChunkSize = 8192;

    private const int SlabSize = 1 << 20;
    private const int ChunksPerSlab = SlabSize / ChunkSize;
    private const int ProtectReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private readonly Lock _lock = new();
    private readonly Dictionary<nint, Slab> _slabs = [];
    private readonly List<Slab> _withRoom = [];
    private long _live;

    /// <summary>Chunks allocated and not yet freed.</summary>
    public long LiveChunks => Volatile.Read(ref _live);

    /// <summary>Bytes mapped for slabs.</summary>
    public long MappedBytes
    {
        get
        {
            lock (_lock)
            {
                return (long)_slabs.Count * SlabSize;
            }
        }
    }

    /// <summary>A chunk with one reference, or null when the host has no memory. Content is undefined unless <paramref name="zeroed"/>.</summary>
    public byte* Allocate(bool zeroed)
    {
        byte* chunk;
        bool fresh;
        lock (_lock)
        {
            if (_withRoom.Count == 0 && !AddSlab())
            {
                return null;
            }

            var slab = _withRoom[^1];
            chunk = slab.Take(out fresh);
            if (slab.IsFull)
            {
                _withRoom.RemoveAt(_withRoom.Count - 1);
                slab.Listed = false;
            }

            _live++;
        }

        References(chunk) = 1;
        if (zeroed && !fresh)
        {
            new Span<byte>(chunk, ChunkSize).Clear();
        }

        return chunk;
    }

    /// <summary>Adds a reference (a clone now uses the chunk too).</summary>
    public static void AddReference(byte* chunk) => Interlocked.Increment(ref References(chunk));

    /// <summary>True when nobody else refers to the chunk, so that its only owner may write into it.</summary>
    public static bool IsExclusive(byte* chunk) => Volatile.Read(ref References(chunk)) == 1;

    /// <summary>Drops a reference; the last one frees.</summary>
    public void Release(byte* chunk)
    {
        if (Interlocked.Decrement(ref References(chunk)) != 0)
        {
            return;
        }

        lock (_lock)
        {
            _live--;
            nint address = (nint)chunk & ~(nint)(SlabSize - 1);
            var slab = _slabs[address];
            slab.Give(chunk);
            if (slab.IsEmpty && _slabs.Count > 1)
            {
                if (slab.Listed)
                {
                    _withRoom.Remove(slab);
                }

                Unmap(slab);
            }
            else if (!slab.Listed)
            {
                slab.Listed = true;
                _withRoom.Add(slab);
            }
        }
    }

    /// <summary>Gives the last, empty slab back; called when a file system that used the pool is disposed.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            for (int i = _withRoom.Count - 1; i >= 0; i--)
            {
                var slab = _withRoom[i];
                if (slab.IsEmpty)
                {
                    _withRoom.RemoveAt(i);
                    Unmap(slab);
                }
            }
        }
    }

    private static ref int References(byte* chunk)
    {
        nint slab = (nint)chunk & ~(nint)(SlabSize - 1);
        return ref Unsafe.AsRef<int>((void*)(slab + (((nint)chunk - slab) / ChunkSize * sizeof(int))));
    }

    private bool AddSlab()
    {
        // Twice the size, then the ends cut off: mmap aligns to pages only.
        byte* p = mmap(null, 2 * SlabSize, ProtectReadWrite, PrivateAnonymous, -1, 0);
        if (p == (byte*)-1)
        {
            return false;
        }

        byte* slab = (byte*)(((nint)p + SlabSize - 1) & ~(nint)(SlabSize - 1));
        if (slab > p)
        {
            _ = munmap(p, (nint)(slab - p));
        }

        byte* end = p + (2 * SlabSize);
        if (end > slab + SlabSize)
        {
            _ = munmap(slab + SlabSize, (nint)(end - slab - SlabSize));
        }

        var added = new Slab(slab) { Listed = true };
        _slabs[(nint)slab] = added;
        _withRoom.Add(added);
        return true;
    }

    private void Unmap(Slab slab)
    {
        _slabs.Remove((nint)slab.Memory);
        _ = munmap(slab.Memory, SlabSize);
    }

    /// <summary>Used under the pool's lock.</summary>
    private sealed class Slab(byte* memory)
    {
        private const int FreeList = 512;
        private int _untouched = 1;
        private int _free;

        public byte* Memory { get; } = memory;

        public bool Listed { get; set; }

        public bool IsFull => _free == 0 && _untouched == ChunksPerSlab;

        public bool IsEmpty => _free == _untouched - 1;

        /// <summary><paramref name="fresh"/>: straight from mmap, so zero.</summary>
        public byte* Take(out bool fresh)
        {
            fresh = _free == 0;
            int index = fresh ? _untouched++ : Memory[FreeList + --_free];
            return Memory + ((nint)index * ChunkSize);
        }

        public void Give(byte* chunk) => Memory[FreeList + _free++] = (byte)((chunk - Memory) / ChunkSize);
    }
}
