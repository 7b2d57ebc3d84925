using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Directories;

/// <summary>A stopped data directory that is copied, and not changed. Held against servers of ours as long as this object lives.</summary>
internal sealed class SourceDirectory : ClusterSource
{
    // data_directory of a PGlite in Node, as it sees it.
    private const string PGliteDirectory = "/pglite/data";

    private readonly DirectoryLock _lock;
    private readonly byte[] _bytes;

    private SourceDirectory(string path, DirectoryLock held, byte[] bytes, ControlFile control)
        : base(path) => (_lock, _bytes, Control, IsClean, Slots) = (held, bytes, control, IsCleanDirectory(path, control), SlotsOf(path));

    /// <inheritdoc/>
    public override ControlFile Control { get; }

    /// <inheritdoc/>
    public override bool IsClean { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Slots { get; }

    private IEnumerable<string> OutsideTablespaces => Directory.EnumerateFileSystemEntries(Below("pg_tblspc")).Where(p => new FileInfo(p).LinkTarget is not null);

    /// <summary>Checks that it can be copied and that this build can open the copy.</summary>
    /// <exception cref="ClusterException">It cannot; the message says why and what to do.</exception>
    public static SourceDirectory OpenDirectory(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        SourceCheck.Version(full, path);
        var held = DirectoryLock.Take(full);
        try
        {
            RefuseRunning(full, path);
            SourceCheck.Signals(full, path);
            byte[] bytes = SourceCheck.ReadControl(full);
            var source = new SourceDirectory(full, held, bytes, SourceCheck.Control(bytes, path));

            // Recovery would make the links of new tablespaces anew, to the places of the source.
            return source.IsClean || source.OutsideTablespaces.FirstOrDefault() is not { } link ? source
                : throw new ClusterException(ClusterError.ForeignDirectory, $"{path} was not stopped in order and has tablespaces elsewhere ({new FileInfo(link).LinkTarget}): start it with its own server, and stop that in order (pg_ctl stop -m fast)");
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void CopyTo(string target, IProgress<long> progress, CancellationToken cancellationToken)
    {
        long bytes = 0;
        Copy(Path, target, "");
        if (!SourceCheck.ReadControl(Path).AsSpan().SequenceEqual(_bytes))
        {
            throw new IOException($"{Path} was written while it was copied: stop its server");
        }

        void Copy(string from, string to, string relative)
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(from))
            {
                cancellationToken.ThrowIfCancellationRequested();
                string name = System.IO.Path.GetFileName(entry), path = relative + name, copy = System.IO.Path.Combine(to, name);
                if (IsLeft(path))
                {
                    continue;
                }

                if (Directory.Exists(entry))
                {
                    Directory.CreateDirectory(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                    if (!IsEmptied(path))
                    {
                        Copy(entry, copy, path + "/");
                    }
                }
                else if (new HostFileSystem("/").Stat(entry, followLink: true, out var status) == Errno.None && status.IsRegular)
                {
                    File.Copy(entry, copy);
                    File.SetUnixFileMode(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                    progress.Report(bytes += status.Size);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _lock.Dispose();

    // A server elsewhere (another container) cannot be seen: CopyTo looks whether pg_control changes.
    private static void RefuseRunning(string full, string shown)
    {
        // PGlite's number and path are always the same: they name no process of this system.
        string file = System.IO.Path.Combine(full, "postmaster.pid");
        string[] lines = File.Exists(file) ? File.ReadAllLines(file) : [];
        if (lines is [var line, ..] && lines.ElementAtOrDefault(1) != PGliteDirectory && int.TryParse(line, CultureInfo.InvariantCulture, out int pid) && Directory.Exists($"/proc/{Math.Abs(pid)}"))
        {
            throw new ClusterException(ClusterError.DirectoryInUse,
                $"{shown} is served by process {Math.Abs(pid)}: stop that server first, or take a backup of it with pocketgres pg_basebackup -D BACKUP and take that");
        }
    }

    private string Below(string name) => System.IO.Path.Combine(Path, name);
}
