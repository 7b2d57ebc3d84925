using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Pocketgres.ObjectStore;

/// <summary>link(2) and fsync(2) of directories of the host.</summary>
internal static partial class HostLink
{
    private const int Exists = 17; // EEXIST

    /// <summary>Gives a file another name; false when that name is taken.</summary>
    public static bool TryCreate(string existing, string created)
    {
        if (link(existing, created) == 0)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return error == Exists ? false : throw new IOException($"cannot create {created}: {new Win32Exception(error).Message}");
    }

    /// <summary>Makes the names in a directory outlive a power cut.</summary>
    public static void SyncDirectory(string path)
    {
        const int ReadOnlyDirectory = 0x10000 | 0x80000; // O_DIRECTORY, O_CLOEXEC
        int file = open(path, ReadOnlyDirectory);
        try
        {
            if (file < 0 || fsync(file) != 0)
            {
                throw new IOException($"cannot sync {path}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
            }
        }
        finally
        {
            if (file >= 0)
            {
                _ = close(file);
            }
        }
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int file);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int file);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string existing, string created);
}
