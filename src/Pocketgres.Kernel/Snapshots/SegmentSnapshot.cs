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
    /// <summary>Copies shared memory. Under the global lock.</summary>
    public static SegmentSnapshot Take(SharedMemory memory, IReadOnlyList<Process> mapped, SnapshotFiles files)
    {
        var uses = mapped.SelectMany(p => p.AddressSpace.SharedMappings.Where(s => s.Memory == memory).Select(s => (Process: p, s.Address, s.Length))).ToList();
        long length = uses.Max(u => u.Length);
        if (memory.HostInode is var inode and not 0 && files.FindMapped(inode) is var (mount, file))
        {
            return new SegmentSnapshot(length, null, null, file, mount);
        }

        bool everywhere = uses.Count == mapped.Count && uses.All(u => u.Address == uses[0].Address && u.Length == length);
        var image = new MemoryImage("pocketgres-snapshot-shm", length, [(0, length)]);
        memory.CopyTo(image, uses[0].Process.AddressSpace, uses[0].Address);
        return new SegmentSnapshot(length, image, everywhere ? uses[0].Address : null, null, 0);
    }

    /// <summary>The same memory for a clone: copy-on-write if <paramref name="lazy"/>, else a copy.</summary>
    public SharedMemory Restore(IReadOnlyList<IFileSystem> mounts, bool lazy, Action done)
    {
        if (File is not null)
        {
            int descriptor = ((MemoryFileSystem)mounts[Mount]).ShareFrozen(File, Length);
            return descriptor >= 0 ? SharedMemory.FromDescriptor(descriptor) : throw new HostResourceException("cannot map a file of the snapshot");
        }

        return lazy ? new ClonedMemory(Image!, Address!.Value, done) : SharedMemory.CopyOf(Image!);
    }
}
