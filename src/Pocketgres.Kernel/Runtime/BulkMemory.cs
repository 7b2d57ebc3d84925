using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel;

/// <summary>
/// Copies and clears memory, most often a few tens of bytes: a statement has some hundred of each. Every size up to 64 is two or four accesses
/// that may overlap, without loops; .NET's own, which are twice as many instructions, do the rest. Only 128 bits wide, because
/// code with wider vectors would be compiled at every start.
/// </summary>
/// <remarks>
/// A wild address must fault in managed code, where it is the crash of one process (<see cref="Native.FaultHandler"/>). For many bytes .NET calls the C library, so the last one
/// is accessed before: as linear memory is accessible from 0 to its size, all bytes are there if the last one is. It is written where it can be, because a fresh page that is read
/// first and written then costs two faults, and most of what fills fresh memory is copied or cleared.
/// </remarks>
internal static unsafe class BulkMemory
{
    // The log's buffers, which a start clears and a small cluster never fills, are 4 MB.
    private const nuint MuchShared = 256 << 10;

    // Fresh memory is zero already, and a page that nobody writes takes none of the host's: arrays of some pages that a session clears and hardly uses were 5 % of an idle one.
    // Larger ones are filled as a rule, and a page that is read first and written then costs two faults.
    private const nuint FewPages = 2 * Page, ManyPages = 16 * Page;
    private const nuint Page = 4096;

    /// <summary>Copies; the ranges may overlap, because all is read before anything is written.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Copy(byte* to, byte* from, nuint count)
    {
        if (count > 64)
        {
            byte last = Volatile.Read(ref from[count - 1]);
            if ((nuint)(to - from) >= count && (nuint)(from - to) >= count)
            {
                Volatile.Write(ref to[count - 1], last);
            }
            else
            {
                _ = Volatile.Read(ref to[count - 1]);
            }

            Buffer.MemoryCopy(from, to, count, count);
        }
        else if (count > 32)
        {
            var a = Vector128.Load(from);
            var b = Vector128.Load(from + 16);
            var c = Vector128.Load(from + count - 32);
            var d = Vector128.Load(from + count - 16);
            a.Store(to);
            b.Store(to + 16);
            c.Store(to + count - 32);
            d.Store(to + count - 16);
        }
        else if (count > 16)
        {
            var a = Vector128.Load(from);
            var b = Vector128.Load(from + count - 16);
            a.Store(to);
            b.Store(to + count - 16);
        }
        else if (count >= 8)
        {
            long a = Unsafe.ReadUnaligned<long>(from);
            long b = Unsafe.ReadUnaligned<long>(from + count - 8);
            Unsafe.WriteUnaligned(to, a);
            Unsafe.WriteUnaligned(to + count - 8, b);
        }
        else if (count >= 4)
        {
            int a = Unsafe.ReadUnaligned<int>(from);
            int b = Unsafe.ReadUnaligned<int>(from + count - 4);
            Unsafe.WriteUnaligned(to, a);
            Unsafe.WriteUnaligned(to + count - 4, b);
        }
        else if (count > 0)
        {
            byte a = *from;
            byte b = from[count >> 1];
            byte c = from[count - 1];
            *to = a;
            to[count >> 1] = b;
            to[count - 1] = c;
        }
    }

    /// <summary>
    /// Sets bytes. Not inlined: what is inside becomes a helper call that .NET 10's JIT believes not to write memory, so it would move the caller's
    /// loads across it. Apart from <see cref="Clear"/>, because nearly all fills are zeroes: this one is compiled at its first use.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Fill(byte* at, byte value, nuint count)
    {
        if (count > 0)
        {
            Volatile.Write(ref at[count - 1], value);
            Unsafe.InitBlockUnaligned(at, value, checked((uint)count));
        }
    }

    /// <summary>Sets bytes to 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Clear(byte* at, nuint count)
    {
        if (count > 64)
        {
            if (count is >= FewPages and <= ManyPages)
            {
                _ = Volatile.Read(ref at[count - 1]);
                ClearWritten(at, count);
                return;
            }

            Volatile.Write(ref at[count - 1], 0);
            if (count < MuchShared || !TryGiveBack(at, count))
            {
                NativeMemory.Clear(at, count);
            }
        }
        else if (count > 32)
        {
            Vector128<byte>.Zero.Store(at);
            Vector128<byte>.Zero.Store(at + 16);
            Vector128<byte>.Zero.Store(at + count - 32);
            Vector128<byte>.Zero.Store(at + count - 16);
        }
        else if (count > 16)
        {
            Vector128<byte>.Zero.Store(at);
            Vector128<byte>.Zero.Store(at + count - 16);
        }
        else if (count >= 8)
        {
            Unsafe.WriteUnaligned(at, 0L);
            Unsafe.WriteUnaligned(at + count - 8, 0L);
        }
        else if (count >= 4)
        {
            Unsafe.WriteUnaligned(at, 0);
            Unsafe.WriteUnaligned(at + count - 4, 0);
        }
        else if (count > 0)
        {
            *at = 0;
            at[count >> 1] = 0;
            at[count - 1] = 0;
        }
    }

    /// <summary>Sets bytes to 0 without writing into pages that are zero already.</summary>
    public static void ClearWritten(byte* at, nuint count)
    {
        for (byte* end = at + count; at < end;)
        {
            byte* next = (byte*)Math.Min((nuint)end, ((nuint)at & ~(Page - 1)) + Page);
            var part = new Span<byte>(at, (int)(next - at));
            if (part.ContainsAnyExcept((byte)0))
            {
                part.Clear();
            }

            at = next;
        }
    }

    // The pages of shared memory that lie in the range are given back to the host, which has zeroes for who touches them again. Private memory is not: of a mapped file, that would be the file's content.
    private static bool TryGiveBack(byte* at, nuint count)
    {
        byte* first = (byte*)(((nuint)at + Page - 1) & ~(Page - 1)), end = (byte*)((nuint)(at + count) & ~(Page - 1));
        if (Libc.madvise(first, (nint)(end - first), Libc.AdviseRemove) != 0)
        {
            return false;
        }

        NativeMemory.Clear(at, (nuint)(first - at));
        NativeMemory.Clear(end, (nuint)(at + count - end));
        return true;
    }
}
