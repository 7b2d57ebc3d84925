using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel;

/// <summary>An open file description in a snapshot: what a clone makes its own from.</summary>
internal abstract class FileSnapshot
{
    /// <summary><see cref="OpenFile.Flags"/>.</summary>
    public OpenFlags Flags { get; set; }

    /// <summary><see cref="OpenFile.Position"/>.</summary>
    public long Position { get; set; }

    /// <summary><see cref="OpenFile.Path"/>.</summary>
    public string? Path { get; set; }

    /// <summary>Opens it in a clone.</summary>
    /// <exception cref="FileSystemException">It is not there any more.</exception>
    public abstract OpenFile Open(CloneFiles files);
}

/// <summary>A file of a memory file system.</summary>
internal sealed class MemoryFileSnapshot(FrozenFile file, int mount) : FileSnapshot
{
    /// <inheritdoc/>
    public override OpenFile Open(CloneFiles files) => files.Memory(mount).Reopen(file, Flags, files.Unlinked);
}

/// <summary>A device, or a file of the host: opened by its name again.</summary>
internal sealed class NamedFileSnapshot : FileSnapshot
{
    /// <inheritdoc/>
    public override OpenFile Open(CloneFiles files)
    {
        const OpenFlags OnlyAtOpen = OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.Truncate;
        FileSystemException.ThrowIf(files.Mounts.Open(Path!, Flags & ~OnlyAtOpen, 0, out var file), "reopen", Path!);
        return file!;
    }
}

/// <summary>An end of a pipe. Bytes in it stay behind.</summary>
internal sealed class PipeSnapshot(object pipe, bool reads) : FileSnapshot
{
    /// <inheritdoc/>
    public override OpenFile Open(CloneFiles files) => files.PipeEnd(pipe, reads);
}

/// <summary>A socket: one that listens is replaced by one of the clone's, a connection is broken.</summary>
internal sealed class SocketSnapshot(bool listens) : FileSnapshot
{
    /// <summary>Whether it listened.</summary>
    public bool Listens => listens;

    /// <inheritdoc/>
    public override OpenFile Open(CloneFiles files) =>
        listens && files.NextListener() is var descriptor and >= 0
            ? new SocketFile(descriptor) { IsListening = true, IsBound = true }
            : new SocketFile(-1) { IsListening = listens, IsBound = listens };
}

/// <summary>The descriptors of a process in a snapshot.</summary>
internal sealed record DescriptorSnapshot(int Descriptor, FileSnapshot File, bool CloseOnExec);
