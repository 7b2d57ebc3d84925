using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>Memory that several processes map: a memfd with a count of its mappings. Counted under the kernel's lock or at teardown.</summary>
internal unsafe class SharedMemory
{
    private int _references;

    /// <summary>Takes a descriptor over.</summary>
    protected SharedMemory(int descriptor) => Descriptor = descriptor;

    /// <summary>The host descriptor.</summary>
    public int Descriptor { get; protected set; }

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

            throw new HostResourceException($"cannot create {length} bytes of shared memory (errno {errno})", HostErrno.Map(errno));
        }

        return new SharedMemory(fd);
    }

    /// <summary>Creates memory with the content of an image.</summary>
    public static SharedMemory CopyOf(MemoryImage image)
    {
        var memory = Create("pocketgres-shm", image.Length);
        MemoryImage.CopyContent(image.Descriptor, image.Length, memory.Descriptor);
        return memory;
    }

    /// <summary>Wraps the descriptor of a file that is shared as memory; a duplicate is kept so that the file may be closed.</summary>
    public static SharedMemory FromDescriptor(int descriptor)
    {
        int fd = Libc.fcntl(descriptor, 1030, 0);
        if (fd < 0)
        {
            throw new HostResourceException($"cannot duplicate descriptor {descriptor} (errno {Marshal.GetLastPInvokeError()})", HostErrno.Last());
        }

        return new SharedMemory(fd);
    }

    /// <summary>The host's number for the memory file: equal for all descriptors of one file. 0 for memory without one.</summary>
    public ulong HostInode => Descriptor < 0 ? 0 : Files.HostCalls.InodeOf(Descriptor);

    /// <summary>Counts one more mapping.</summary>
    public SharedMemory AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>Counts one mapping less; the last one frees the memory.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Free();
        }
    }

    /// <summary>Lays the memory over the pages of an address space at <paramref name="address"/>.</summary>
    public virtual void MapInto(AddressSpace space, uint address, long length) =>
        AddressSpace.MapAt(space.Base + address, length, Libc.MapShared | Libc.MapFixed, Descriptor, 0);

    /// <summary>An address space is about to lose its mapping. Under the kernel's lock.</summary>
    public virtual void Leave(AddressSpace space)
    {
    }

    /// <summary>Copies the content. Under the kernel's lock.</summary>
    /// <param name="image">Where to.</param>
    /// <param name="space">An address space that has it, or null when none has.</param>
    /// <param name="address">Where that space has it.</param>
    public virtual void CopyTo(MemoryImage image, AddressSpace? space, uint address)
    {
        if (space is null)
        {
            MemoryImage.CopyContent(Descriptor, image.Length, image.Descriptor);
        }
        else
        {
            image.WriteBackedPages(space.Base + address, 0, image.Length, Descriptor, 0, null);
        }
    }

    /// <summary>Nobody maps it any more.</summary>
    protected virtual void Free() => _ = Libc.close(Descriptor);
}
