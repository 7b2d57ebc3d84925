using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;

namespace Pocketgres.Kernel;

/// <summary>Shared memory in a snapshot.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="Image">The content; null for a file's.</param>
/// <param name="Address">Where all processes have it, if they all have it at one address; else null.</param>
/// <param name="File">The mapped file, for memory that is the content of one.</param>
/// <param name="Mount">Which file system the file is in.</param>
internal sealed record SegmentSnapshot(long Length, MemoryImage? Image, uint? Address, FrozenFile? File, int Mount)
{
    /// <summary>Copies shared memory. Under the kernel's lock.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="uses">Its mappings.</param>
    /// <param name="processes">All processes of the snapshot.</param>
    /// <param name="files">The snapshot's files.</param>
    public static SegmentSnapshot Take(SharedMemory memory, IReadOnlyList<AddressSpace.SharedMapping> uses, IReadOnlyList<Process> processes, SnapshotFiles files)
    {
        long length = uses.Max(u => u.Length);
        if (memory.HostInode is var inode and not 0 && files.FindMapped(inode) is var (mount, file))
        {
            return new SegmentSnapshot(length, null, null, file, mount);
        }

        uint address = uses[0].Address;
        bool everywhere = uses.Count == processes.Count && uses.All(u => u.Address == address && u.Length == length);
        var image = new MemoryImage("pocketgres-snapshot-shm", length, [new MemoryRange(0, length)]);
        memory.CopyTo(image, processes.FirstOrDefault(p => p.MappedSpace?.SharedMappings.Any(s => s.Memory == memory && s.Address == address) == true)?.AddressSpace, address);
        return new SegmentSnapshot(length, image, everywhere ? address : null, null, 0);
    }

    /// <summary>The same memory for a clone: copy-on-write if <paramref name="lazy"/>, else a copy.</summary>
    public SharedMemory Restore(IReadOnlyList<IFileSystem> mounts, bool lazy, Func<bool> isAwaited)
    {
        if (File is not null)
        {
            int descriptor = ((MemoryFileSystem)mounts[Mount]).ShareFrozen(File, Length);
            return descriptor >= 0 ? SharedMemory.FromDescriptor(descriptor) : throw new HostResourceException("cannot map a file of the snapshot");
        }

        return lazy ? new ClonedMemory(Image!, Address!.Value, isAwaited) : SharedMemory.CopyOf(Image!);
    }
}
