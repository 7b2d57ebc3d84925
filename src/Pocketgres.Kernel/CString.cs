using System.Runtime.InteropServices;
using System.Text;

namespace Pocketgres.Kernel;

/// <summary>C strings in linear memory.</summary>
public static unsafe class CString
{
    /// <summary>The NUL-terminated UTF-8 string at <paramref name="address"/>; invalid bytes become U+FFFD.</summary>
    public static string Read(byte* m, int address)
    {
        var bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(m + (uint)address);
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Writes <paramref name="value"/> and a NUL; false (nothing written) when it does not fit into <paramref name="size"/> bytes.</summary>
    public static bool TryWrite(byte* m, int address, int size, string value)
    {
        int n = Encoding.UTF8.GetByteCount(value);
        if (n + 1 > size)
        {
            return false;
        }

        var target = new Span<byte>(m + (uint)address, n + 1);
        Encoding.UTF8.GetBytes(value, target);
        target[n] = 0;
        return true;
    }
}
