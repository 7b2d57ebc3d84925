using System.Text;
using System.Text.RegularExpressions;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>
/// The file <c>pocketgres.preload</c> in a data directory: the libraries, one a line, that the engine preloads because somebody created an extension
/// that needs it. Absent in a cluster without such an extension. Deleting it, or setting shared_preload_libraries anywhere, ends the engine's say.
/// </summary>
internal static partial class PreloadList
{
    /// <summary>Name in a data directory.</summary>
    public const string Name = "pocketgres.preload";

    /// <summary>The setting it stands for.</summary>
    public const string Parameter = "shared_preload_libraries";

    /// <summary>The libraries listed.</summary>
    /// <exception cref="FileSystemException">The file cannot be read.</exception>
    public static IReadOnlyList<string> Read(MountTable files, string dataDirectory) => ConfigurationFiles.TryRead(files, $"{dataDirectory}/{Name}", out string text)
        ? Array.FindAll(text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), static l => LibraryName.IsMatch(l))
        : [];

    /// <summary>Adds a library, durably. A crash in between leaves the old list or the new one.</summary>
    /// <exception cref="FileSystemException">The file cannot be written.</exception>
    public static void Add(MountTable files, string dataDirectory, string library)
    {
        string path = $"{dataDirectory}/{Name}";
        FileSystemException.ThrowIf(files.Resolve(path, followLast: true, out var location), "find", path);
        byte[] content = Encoding.UTF8.GetBytes(string.Concat(Read(files, dataDirectory).Append(library).Select(l => l + "\n")));
        FileTree.WriteAll(location.FileSystem, location.Path + ".new", content, FileModes.In(location.FileSystem, Path.GetDirectoryName(location.Path)!), sync: true);
        FileSystemException.ThrowIf(location.FileSystem.Rename(location.Path + ".new", location.Path), "rename", path);
        FileTree.Sync(location.FileSystem, Path.GetDirectoryName(location.Path)!);
    }

    /// <summary>The value to start the server with, or null: nothing is listed, or the configuration files set the parameter.</summary>
    /// <exception cref="FileSystemException">A file cannot be read.</exception>
    public static string? Setting(MountTable files, string dataDirectory)
    {
        var libraries = Read(files, dataDirectory);
        return libraries.Count == 0 || ConfigurationFiles.Set(files, dataDirectory, Parameter)
            ? null
            : string.Join(',', libraries);
    }

    [GeneratedRegex("^[A-Za-z0-9_-]+$")]
    private static partial Regex LibraryName { get; }
}
