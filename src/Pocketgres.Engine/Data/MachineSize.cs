using System.Text;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>
/// What initdb does too: fits a new cluster's postgresql.conf to the machine that makes it. Only where there is little memory; afterwards the file is the
/// user's.
/// </summary>
internal static class MachineSize
{
    /// <summary>Machines (or containers) with less get small buffers.</summary>
    public const long SmallBelow = 256L << 20;

    private const string Configuration = "postgresql.conf", Usual = "shared_buffers = 32MB", Small = "shared_buffers = 16MB";
    private const int OwnerReadWrite = 0x180; // 0600

    // .NET counts three quarters of a container's limit as its own.
    private static readonly Lazy<long> s_memory = new(() => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 3 * 4);

    /// <summary>Whether this is a small machine.</summary>
    public static bool IsSmall => s_memory.Value < SmallBelow;

    /// <summary>Adapts the configuration of a cluster that was just made from the template; makes nothing durable.</summary>
    /// <param name="files">Where it is.</param>
    /// <param name="directory">Its directory there.</param>
    /// <exception cref="FileSystemException">The configuration cannot be read or written.</exception>
    public static void Fit(IFileSystem files, string directory) => Fit(files, directory, s_memory.Value);

    /// <inheritdoc cref="Fit(IFileSystem, string)"/>
    /// <param name="files">Where it is.</param>
    /// <param name="directory">Its directory there.</param>
    /// <param name="memory">Bytes of memory of the machine, or about so many.</param>
    public static void Fit(IFileSystem files, string directory, long memory)
    {
        if (memory >= SmallBelow)
        {
            return;
        }

        string path = FileTree.Combine(directory, Configuration);
        string text = Encoding.UTF8.GetString(FileTree.ReadAll(files, path));
        FileTree.WriteAll(files, path, Encoding.UTF8.GetBytes(text.Replace(Usual, Small, StringComparison.Ordinal)), OwnerReadWrite, sync: false);
    }
}
