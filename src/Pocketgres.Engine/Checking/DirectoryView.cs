using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Checking;

/// <summary>A data directory to be read by paths relative to it, wherever it and what its links lead to are.</summary>
/// <param name="mounts">Where absolute paths lead; stays the caller's.</param>
/// <param name="path">Absolute path of the data directory there.</param>
internal sealed class DirectoryView(MountTable mounts, string path)
{
    /// <summary>Absolute path, for messages.</summary>
    public string Path => path;

    /// <summary>A view of a directory of the host.</summary>
    public static DirectoryView OfHost(string path)
    {
        var mounts = new MountTable();
        mounts.Mount("/", new HostFileSystem("/"));
        return new DirectoryView(mounts, path);
    }

    /// <summary>Names in a directory, sorted; null when there is no such directory.</summary>
    /// <exception cref="FileSystemException">It cannot be read.</exception>
    public IReadOnlyList<string>? List(string relative)
    {
        if (!IsDirectory(relative))
        {
            return null;
        }

        var location = Resolve(relative);
        return [.. FileTree.List(location.FileSystem, location.Path).Select(e => e.Name).Order(StringComparer.Ordinal)];
    }

    /// <summary>Whether there is a directory of this name, or a link to one.</summary>
    /// <exception cref="FileSystemException">It cannot be found out.</exception>
    public bool IsDirectory(string relative) => Status(relative) is { IsDirectory: true };

    /// <summary>Whether there is a regular file of this name, or a link to one.</summary>
    /// <exception cref="FileSystemException">It cannot be found out.</exception>
    public bool IsFile(string relative) => Status(relative) is { IsRegular: true };

    /// <summary>A whole file, or its first <paramref name="limit"/> bytes.</summary>
    /// <exception cref="FileSystemException">It cannot be read.</exception>
    public byte[] ReadAll(string relative, int limit)
    {
        var location = Resolve(relative);
        return FileTree.ReadAll(location.FileSystem, location.Path, limit);
    }

    /// <summary>Opens a file to read; the caller releases it.</summary>
    /// <exception cref="FileSystemException">It cannot be opened.</exception>
    public OpenFile Open(string relative)
    {
        var location = Resolve(relative);
        FileSystemException.ThrowIf(location.FileSystem.Open(location.Path, OpenFlags.ReadOnly, 0, out var file), "open", Full(relative));
        return file!;
    }

    /// <summary>The control file's content, whatever it is.</summary>
    /// <exception cref="InvalidDataException">It is too short.</exception>
    /// <exception cref="FileSystemException">It cannot be read.</exception>
    public ControlFile ReadControlFile() => ControlFile.Parse(ReadAll(ControlFile.Name, ControlFile.FileSize));

    private string Full(string relative) => $"{path}/{relative}";

    private FileStatus? Status(string relative)
    {
        var error = mounts.Resolve(Full(relative), followLast: true, out var location);
        FileStatus status = default;
        error = error == Errno.None ? location.FileSystem.Stat(location.Path, followLink: true, out status) : error;
        if (error is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }

        FileSystemException.ThrowIf(error, "look at", Full(relative));
        return status;
    }

    private Location Resolve(string relative)
    {
        FileSystemException.ThrowIf(mounts.Resolve(Full(relative), followLast: true, out var location), "open", Full(relative));
        return location;
    }
}
