using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>
/// Keeps some of this .NET process's descriptors free: all Postgres processes share them, and .NET ends what it cannot serve (a thread without descriptors is an
/// OutOfMemoryException). The host gives out the smallest free number, so a large one says that nearly all are taken.
/// </summary>
internal static class HostDescriptors
{
    private const int TooManyOpenFiles = 24; // Linux' EMFILE

    /// <summary>Descriptors that files and processes leave to .NET and to connections that are told why they are refused; fewer where few are allowed (an eighth).</summary>
    private const int Reserve = 32;

    private static readonly int s_limit = Libc.DescriptorLimit();
    private static readonly int s_reserve = Math.Min(Reserve, s_limit / 8);

    /// <summary>Descriptors that this .NET process may have.</summary>
    public static int Limit => s_limit;

    /// <summary>A new descriptor for a file or a process, or -1 (and EMFILE as last error) when it belongs to the reserve; it is closed then.</summary>
    public static int Keep(int descriptor) => Keep(descriptor, s_limit - s_reserve);

    /// <summary>The same for an accepted connection, which may take half of the reserve.</summary>
    public static int KeepConnection(int descriptor) => Keep(descriptor, s_limit - (s_reserve / 2));

    private static int Keep(int descriptor, int end)
    {
        if (descriptor < end)
        {
            return descriptor;
        }

        _ = Libc.close(descriptor);
        Marshal.SetLastPInvokeError(TooManyOpenFiles);
        return -1;
    }
}
