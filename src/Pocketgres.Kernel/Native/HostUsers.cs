using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>The host's users.</summary>
public static unsafe partial class HostUsers
{
    private const int PasswdSize = 64; // struct passwd of glibc and musl has 48 bytes, pw_name first
    private const int MaximumBuffer = 1 << 20;

    /// <summary>getpwuid_r(3): the name of a user, wherever the host keeps them; null when it knows none of that number.</summary>
    public static string? NameOf(uint user)
    {
        const int outOfRange = 34; // ERANGE
        byte* entry = stackalloc byte[PasswdSize];
        for (int size = 1024; size <= MaximumBuffer; size *= 4)
        {
            byte[] strings = new byte[size];
            fixed (byte* buffer = strings)
            {
                byte* found;
                int error = getpwuid_r(user, entry, buffer, size, &found);
                if (error != outOfRange)
                {
                    return error == 0 && found is not null ? Marshal.PtrToStringUTF8(*(nint*)found) : null;
                }
            }
        }

        return null;
    }

    [LibraryImport("libc")]
    private static partial int getpwuid_r(uint user, byte* entry, byte* buffer, nint size, byte** result);
}
