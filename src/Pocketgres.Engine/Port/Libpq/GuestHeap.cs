using System.Text;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port.Libpq;

/// <summary>malloc() and free() of the process: what libpq frees must come from there.</summary>
internal static unsafe class GuestHeap
{
    /// <summary>malloc(3): 0 when there is no memory.</summary>
    public static int Allocate(byte* m, int size) => ((delegate*<byte*, int, int>)Process.From(m).Export("malloc"))(m, size);

    /// <summary>free(3).</summary>
    public static void Free(byte* m, int address) => ((delegate*<byte*, int, void>)Process.From(m).Export("free"))(m, address);

    /// <summary>A copy of a text with its NUL; 0 when there is no memory.</summary>
    public static int Duplicate(byte* m, string text)
    {
        int size = Encoding.UTF8.GetByteCount(text) + 1;
        int address = Allocate(m, size);
        return address != 0 && CString.TryWrite(m, address, size, text) ? address : 0;
    }

    /// <summary>A copy of a C string.</summary>
    public static int Duplicate(byte* m, ReadOnlySpan<byte> text)
    {
        int address = Allocate(m, text.Length + 1);
        if (address != 0)
        {
            var copy = new Span<byte>(m + (uint)address, text.Length + 1);
            text.CopyTo(copy);
            copy[text.Length] = 0;
        }

        return address;
    }
}
