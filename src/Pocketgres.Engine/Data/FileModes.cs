using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>Modes of files that this engine adds to a data directory: as PostgreSQL's own, which the directory's group may read if it may read the directory (initdb --allow-group-access).</summary>
internal static class FileModes
{
    private const int OwnerReadWrite = 0x180, GroupRead = 0x20; // 0600, 0040

    /// <summary>The mode for a file in a directory of this mode.</summary>
    public static int Of(int directoryMode) => OwnerReadWrite | (directoryMode & GroupRead);

    /// <summary>The mode for a file in a directory.</summary>
    /// <exception cref="FileSystemException">The directory cannot be looked at.</exception>
    public static int In(IFileSystem files, string directory)
    {
        FileSystemException.ThrowIf(files.Stat(directory, followLink: true, out var status), "look at", directory);
        return Of(status.Mode);
    }
}
