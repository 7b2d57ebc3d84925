using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Pocketgres.ObjectStore;

/// <summary>link(2) of the host.</summary>
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

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int link(string existing, string created);
}
