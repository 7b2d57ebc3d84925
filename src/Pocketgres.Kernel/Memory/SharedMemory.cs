using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>Memory that several processes map: a memfd with a count of its mappings. Counted under the global lock or at teardown.</summary>
internal sealed class SharedMemory
{
    private readonly bool _owned;
    private int _references;

    private SharedMemory(int descriptor, bool owned)
    {
        Descriptor = descriptor;
        _owned = owned;
    }

    /// <summary>The host descriptor.</summary>
    public int Descriptor { get; }

    /// <summary>Creates zeroed memory of <paramref name="length"/> bytes; <paramref name="name"/> shows in /proc/PID/maps.</summary>
    public static SharedMemory Create(string name, long length)
    {
        int fd = Libc.memfd_create(name, 1);
        if (fd < 0 || Libc.ftruncate(fd, length) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (fd >= 0)
            {
                _ = Libc.close(fd);
            }

            throw new HostResourceException($"cannot create {length} bytes of shared memory (errno {errno})");
        }

        return new SharedMemory(fd, owned: true);
    }

    /// <summary>Wraps the descriptor of a file that is shared as memory; a duplicate is kept so that the file may be closed.</summary>
    public static SharedMemory FromDescriptor(int descriptor)
    {
        int fd = Libc.fcntl(descriptor, 1030, 0);
        if (fd < 0)
        {
            throw new HostResourceException($"cannot duplicate descriptor {descriptor} (errno {Marshal.GetLastPInvokeError()})");
        }

        return new SharedMemory(fd, owned: true);
    }

    /// <summary>Counts one more mapping.</summary>
    public SharedMemory AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Counts one mapping less; the last one closes the descriptor.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0 && _owned)
        {
            _ = Libc.close(Descriptor);
        }
    }
}
