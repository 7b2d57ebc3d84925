using System.ComponentModel;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel;

/// <summary>
/// The host's source of random bytes, good for keys. Not .NET's RandomNumberGenerator, which loads OpenSSL for the same bytes: 6 ms of a start, and
/// memory that most servers never need. Thread-safe.
/// </summary>
public static unsafe class HostRandom
{
    private const int Interrupted = 4; // EINTR

    /// <summary>Fills a buffer with random bytes.</summary>
    /// <exception cref="Win32Exception">getrandom(2) failed; not seen on Linux 3.17 or later.</exception>
    public static void Fill(Span<byte> buffer)
    {
        fixed (byte* b = buffer)
        {
            for (int done = 0; done < buffer.Length;)
            {
                nint n = Libc.getrandom(b + done, buffer.Length - done, 0);
                if (n < 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (error != Interrupted)
                    {
                        throw new Win32Exception(error);
                    }

                    continue;
                }

                done += (int)n;
            }
        }
    }

    /// <summary>A random 64-bit number.</summary>
    public static ulong Next()
    {
        ulong value;
        Fill(new Span<byte>(&value, sizeof(ulong)));
        return value;
    }
}
