using System.Text;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Package;
using Pocketgres.Kernel.Files;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Images;

/// <summary>
/// Postgres' installed files as a file system image, to be mounted at <see cref="EngineArtifacts.MountPoint"/>. Shared libraries are there by
/// name: Postgres' loader (dfmgr.c) stats a library before dlopen, and the dynamic linker then finds its translation by that name.
/// </summary>
internal static class SupportImage
{
    private const int FileMode = 0x1A4; // 0644
    private const int ProgramMode = 0x1ED; // 0755

    // For building C extensions, which cannot run here.
    private const string BuildSystem = EngineArtifacts.MountPoint + "/lib/postgresql/pgxs/";

    /// <summary>Writes the image.</summary>
    public static void Write(string directory, ReadOnlyMemory<byte> data, IEnumerable<DataIndex.Entry> index)
    {
        var writer = new FileSystemImageWriter();
        foreach (var entry in index.Where(Belongs))
        {
            bool program = ModuleSources.IsLibrary(entry.Path) || entry.Path.StartsWith(EngineArtifacts.MountPoint + "/bin/", StringComparison.Ordinal);
            writer.AddFile(entry.Path[EngineArtifacts.MountPoint.Length..], program ? ProgramMode : FileMode, ContentOf(entry, data));
        }

        writer.Save(Path.Combine(directory, EngineArtifacts.SupportIndex), Path.Combine(directory, EngineArtifacts.SupportImage));
    }

    private static bool Belongs(DataIndex.Entry entry) =>
        entry.Path.StartsWith(EngineArtifacts.MountPoint + "/", StringComparison.Ordinal)
        && !entry.Path.StartsWith(BuildSystem, StringComparison.Ordinal);

    private static ReadOnlyMemory<byte> ContentOf(DataIndex.Entry entry, ReadOnlyMemory<byte> data) => ModuleSources.IsLibrary(entry.Path)
        ? Encoding.UTF8.GetBytes($"translated to {new ModuleSource(Path.GetFileNameWithoutExtension(entry.Path), entry.Path, default).AssemblyName}\n")
        : data.Slice(entry.Start, entry.Length);
}
