using System.Text;
using Pocketgres.Build.Extensions;
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

    /// <summary>Writes the image, and one of its own for each add-on in a subdirectory.</summary>
    /// <param name="directory">Where to write it.</param>
    /// <param name="data">Content of <c>pglite.data</c>.</param>
    /// <param name="index">The files inside <paramref name="data"/>.</param>
    /// <param name="bundles">Extensions to install beside them.</param>
    /// <param name="icu">ICU's locale data, by path below its directory.</param>
    public static void Write(
        string directory, ReadOnlyMemory<byte> data, IEnumerable<DataIndex.Entry> index, IEnumerable<ExtensionBundle> bundles,
        IReadOnlyDictionary<string, byte[]> icu)
    {
        var writer = new FileSystemImageWriter();
        foreach (var entry in index.Where(Belongs))
        {
            bool program = ModuleSources.IsLibrary(entry.Path) || entry.Path.StartsWith(EngineArtifacts.MountPoint + "/bin/", StringComparison.Ordinal);
            writer.AddFile(entry.Path[EngineArtifacts.MountPoint.Length..], program ? ProgramMode : FileMode, ContentOf(entry.Path, data.Slice(entry.Start, entry.Length)));
        }

        foreach (var (path, content) in icu)
        {
            writer.AddFile(IcuPackage.Directory + path, FileMode, content);
        }

        foreach (var addOn in bundles.GroupBy(b => b.AddOn))
        {
            if (addOn.Key is not null)
            {
                var own = new FileSystemImageWriter();
                AddBundles(own, addOn);
                Save(own, Directory.CreateDirectory(Path.Combine(directory, addOn.Key)).FullName);
            }
            else
            {
                AddBundles(writer, addOn);
            }
        }

        foreach (string library in EngineArtifacts.HostLibraries)
        {
            writer.AddFile($"/lib/postgresql/{library}.so", ProgramMode, "part of the engine\n"u8.ToArray());
        }

        Save(writer, directory);
    }

    private static void AddBundles(FileSystemImageWriter writer, IEnumerable<ExtensionBundle> bundles)
    {
        foreach (var file in bundles.SelectMany(b => b.Installed))
        {
            writer.AddFile("/" + file.Path, ModuleSources.IsLibrary(file.Path) ? ProgramMode : FileMode, ContentOf(file.Path, file.Content));
        }
    }

    /// <summary>Writes the image and its index.</summary>
    public static void Save(FileSystemImageWriter writer, string directory) =>
        writer.Save(Path.Combine(directory, EngineArtifacts.SupportIndex), Path.Combine(directory, EngineArtifacts.SupportImage));

    private static bool Belongs(DataIndex.Entry entry) =>
        entry.Path.StartsWith(EngineArtifacts.MountPoint + "/", StringComparison.Ordinal)
        && !entry.Path.StartsWith(BuildSystem, StringComparison.Ordinal);

    private static ReadOnlyMemory<byte> ContentOf(string path, ReadOnlyMemory<byte> content) => ModuleSources.IsLibrary(path)
        ? Placeholder(new ModuleSource(Path.GetFileNameWithoutExtension(path), path, default))
        : content;

    /// <summary>What stands in the place of a translated module.</summary>
    public static byte[] Placeholder(ModuleSource module) => Encoding.UTF8.GetBytes($"translated to {module.AssemblyName}\n");
}
