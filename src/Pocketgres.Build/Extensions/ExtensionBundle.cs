using System.Formats.Tar;
using System.IO.Compression;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Extensions;

/// <summary>A bundle's files: what <c>make install</c> of the extensions in it puts below Postgres' installation.</summary>
internal sealed class ExtensionBundle
{
    private const string LibraryDirectory = "lib/postgresql/", ShareDirectory = "share/postgresql/";

    // Headers, examples, scripts for a shell or for psql: nothing at run time reads them.
    private static readonly string[] IgnoredDirectories = ["include/", "share/doc/", "share/postgresql/contrib/", "bin/"];

    // PostGIS: from any earlier version, and from before there were extensions, to this one. There is no earlier version here.
    private static readonly string[] IgnoredNames = ["--ANY", "--unpackaged"];

    private ExtensionBundle(string fileName, string? addOn, IReadOnlyList<InstalledFile> installed)
    {
        FileName = fileName;
        AddOn = addOn;
        Installed = installed;
    }

    /// <summary>A file of the bundle.</summary>
    /// <param name="Path">Relative to the installation.</param>
    /// <param name="Content">Its bytes.</param>
    public sealed record InstalledFile(string Path, ReadOnlyMemory<byte> Content);

    /// <summary>File name of the archive.</summary>
    public string FileName { get; }

    /// <summary>The add-on it becomes, or null.</summary>
    public string? AddOn { get; }

    /// <summary>The files to install, ordered by path.</summary>
    public IReadOnlyList<InstalledFile> Installed { get; }

    /// <summary>The shared libraries among them.</summary>
    public IEnumerable<InstalledFile> Libraries => Installed.Where(f => f.Path.StartsWith(LibraryDirectory, StringComparison.Ordinal));

    /// <summary>The same bundle without the files of some extensions.</summary>
    public ExtensionBundle Without(IEnumerable<ExtensionInfo> left)
    {
        ExtensionInfo[] entries = [.. left];
        return new ExtensionBundle(FileName, AddOn, [.. Installed.Where(f => !entries.Any(e => BundlePaths.BelongsTo(e, f.Path)))]);
    }

    /// <summary>Reads an archive.</summary>
    /// <exception cref="BuildException">It holds a file that belongs nowhere.</exception>
    public static ExtensionBundle Read(string fileName, byte[] archive, string? addOn = null, params IReadOnlyList<string> dataDirectories)
    {
        var installed = new List<InstalledFile>();
        using var reader = new TarReader(new GZipStream(new MemoryStream(archive), CompressionMode.Decompress));
        while (reader.GetNextEntry() is { } entry)
        {
            string path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                || IgnoredDirectories.Any(d => path.StartsWith(d, StringComparison.Ordinal)) || IgnoredNames.Any(n => path.Contains(n, StringComparison.Ordinal)))
            {
                continue;
            }

            if (!path.StartsWith(LibraryDirectory, StringComparison.Ordinal) && !path.StartsWith(ShareDirectory, StringComparison.Ordinal)
                && !dataDirectories.Any(d => path.StartsWith(d + "/", StringComparison.Ordinal)))
            {
                throw new BuildException($"{fileName} holds {path}, which is neither below {LibraryDirectory} nor below {ShareDirectory}");
            }

            var content = new MemoryStream();
            entry.DataStream?.CopyTo(content);
            installed.Add(new InstalledFile(path, content.ToArray()));
        }

        return new ExtensionBundle(fileName, addOn, [.. installed.OrderBy(f => f.Path, StringComparer.Ordinal)]);
    }
}
