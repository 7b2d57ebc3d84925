using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>Descriptors of the host that leave .NET's hands.</summary>
public static class HostDescriptor
{
    /// <summary>Descriptors that this .NET process may have.</summary>
    public static int Limit => HostDescriptors.Limit;

    /// <summary>Another descriptor of what a handle stands for, or -1 when there are none left.</summary>
    public static int Duplicate(SafeHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            return HostDescriptors.KeepConnection(Libc.fcntl((int)handle.DangerousGetHandle(), Libc.DuplicateCloseOnExec, 0));
        }
        finally
        {
            if (added)
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <summary>Closes a descriptor.</summary>
    public static void Close(int descriptor) => _ = Libc.close(descriptor);
}
