using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Net;

/// <summary>Bytes on their way from one thread to another, as in a socket's buffer. One thread writes and one reads, at the same time and without a lock.</summary>
internal sealed class ByteRing
{
    /// <summary>Bytes it holds at most; a power of two. Two of a driver's usual buffers (Npgsql's, libpq's), so that both sides can work at once.</summary>
    public const int Capacity = 16 * 1024;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Capacity);
    private Counters _counters;

    /// <summary>True when there is nothing to read. Any thread; for the reader, false stays true.</summary>
    public bool IsEmpty => Volatile.Read(ref _counters.Written) == Volatile.Read(ref _counters.Read);

    /// <summary>Bytes that can be written at once. Any thread; for the writer, it only grows.</summary>
    public int Room => Capacity - (int)(Volatile.Read(ref _counters.Written) - Volatile.Read(ref _counters.Read));

    /// <summary>What can be read, or its first part, in place until <see cref="Skip"/>. The reader's thread.</summary>
    public ReadOnlySpan<byte> Readable
    {
        get
        {
            int start = (int)(_counters.Read & (Capacity - 1));
            int count = (int)(Volatile.Read(ref _counters.Written) - _counters.Read);
            return _bytes.AsSpan(start, Math.Min(count, Capacity - start));
        }
    }

    /// <summary>Counts bytes of <see cref="Readable"/> as read. The reader's thread.</summary>
    public void Skip(int count) => Volatile.Write(ref _counters.Read, _counters.Read + count);

    /// <summary>Takes what there is room for. The writer's thread.</summary>
    /// <returns>How many bytes.</returns>
    public int Write(ReadOnlySpan<byte> bytes)
    {
        long written = _counters.Written;
        int count = Math.Min(bytes.Length, Capacity - (int)(written - Volatile.Read(ref _counters.Read)));
        int start = (int)(written & (Capacity - 1));
        int untilEnd = Math.Min(count, Capacity - start);
        bytes[..untilEnd].CopyTo(_bytes.AsSpan(start));
        bytes[untilEnd..count].CopyTo(_bytes);
        Volatile.Write(ref _counters.Written, written + count);
        return count;
    }

    /// <summary>Gives what there is. The reader's thread.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="peek">True to leave it there.</param>
    /// <returns>How many bytes; 0 when it is empty.</returns>
    public int Read(Span<byte> buffer, bool peek = false)
    {
        long read = _counters.Read;
        int count = Math.Min(buffer.Length, (int)(Volatile.Read(ref _counters.Written) - read));
        int start = (int)(read & (Capacity - 1));
        int untilEnd = Math.Min(count, Capacity - start);
        _bytes.AsSpan(start, untilEnd).CopyTo(buffer);
        _bytes.AsSpan(0, count - untilEnd).CopyTo(buffer[untilEnd..]);
        if (!peek)
        {
            Volatile.Write(ref _counters.Read, read + count);
        }

        return count;
    }

    // A cache line (a pair of them, which processors fetch together) for each: the two threads would otherwise take it from each other at each step.
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Counters
    {
        [FieldOffset(128)]
        public long Written;

        [FieldOffset(256)]
        public long Read;
    }
}
