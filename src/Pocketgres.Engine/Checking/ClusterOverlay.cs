using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Overlays;

namespace Pocketgres.Engine.Checking;

/// <summary>
/// A data directory of the host that a server can run on without changing it: what the server writes stays in memory. Covers what links in the
/// directory lead to as well (tablespaces, a log on another disk).
/// </summary>
/// <remarks>Nobody else may change the directory meanwhile: keep it locked.</remarks>
internal sealed class ClusterOverlay
{
    private readonly List<(string Path, OverlayFileSystem Files)> _overlays = [];

    /// <summary>Reads the names in the directory.</summary>
    /// <param name="path">Absolute path.</param>
    /// <exception cref="FileSystemException">Something cannot be read.</exception>
    public ClusterOverlay(string path)
    {
        Path = path;
        try
        {
            Files = Add(path);
            foreach (string link in Links())
            {
                AddTarget(link);
            }
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>Where the server sees the directory: where it is.</summary>
    public string Path { get; }

    /// <summary>The directory itself.</summary>
    public OverlayFileSystem Files { get; }

    /// <summary>Bytes in memory.</summary>
    public long UsedBytes => _overlays.Sum(o => o.Files.UsedBytes);

    /// <summary>Puts the directory and what its links lead to over the host's.</summary>
    public void Mount(MountTable mounts)
    {
        foreach (var (path, files) in _overlays)
        {
            mounts.Mount(path, files);
        }
    }

    /// <summary>The directory as it is now. Not while a server runs on it.</summary>
    public DirectoryView View()
    {
        var mounts = new MountTable();
        mounts.Mount("/", new HostFileSystem("/"));
        Mount(mounts);
        return new DirectoryView(mounts, Path);
    }

    /// <summary>Gives the memory back.</summary>
    public void Free()
    {
        foreach (var (_, files) in _overlays)
        {
            files.Free();
        }
    }

    private OverlayFileSystem Add(string path)
    {
        var files = new OverlayFileSystem(new HostFileSystem(path));
        _overlays.Add((path, files));
        return files;
    }

    // Where links of Postgres can be: initdb --waldir, tablespaces, and what administrators move to other disks by hand.
    private List<string> Links()
    {
        var links = new List<string>();
        foreach (string directory in (string[])["/", "/pg_tblspc"])
        {
            if (Files.Stat(directory, false, out var status) == Errno.None && status.IsDirectory)
            {
                links.AddRange(FileTree.List(Files, directory).Select(e => FileTree.Combine(directory, e.Name))
                    .Where(p => Files.Stat(p, false, out var s) == Errno.None && s.IsLink));
            }
        }

        return links;
    }

    private void AddTarget(string link)
    {
        FileSystemException.ThrowIf(Files.ReadLink(link, out string text), "read", link);
        string from = System.IO.Path.GetDirectoryName(Path + link)!;
        string target = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(text, from));
        if (Directory.Exists(target) && _overlays.TrueForAll(o => o.Path != target) && !(target + "/").StartsWith(Path + "/", StringComparison.Ordinal))
        {
            Add(target);
        }
    }
}
