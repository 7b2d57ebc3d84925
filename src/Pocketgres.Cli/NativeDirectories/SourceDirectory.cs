using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Installation;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary>A stopped data directory that is copied, and not changed. Held against servers of ours as long as this object lives.</summary>
internal sealed class SourceDirectory : IDisposable
{
    private const int LinkOrFileLimit = 8192;

    // Made anew by a start; slots belong to whoever follows the source.
    private static readonly string[] s_emptied = ["pg_dynshmem", "pg_stat_tmp", "pg_replslot"];
    private static readonly string[] s_left = ["postmaster.pid", "postmaster.opts", DirectoryLock.Name, CopyNote.Name];

    private readonly DirectoryLock _lock;
    private readonly byte[] _control;

    private SourceDirectory(string path, DirectoryLock held, byte[] control) => (Path, _lock, _control) = (path, held, control);

    /// <summary>Absolute path.</summary>
    public string Path { get; }

    /// <summary>Whether its server was stopped in order.</summary>
    public bool IsClean => ControlFile.Parse(_control).State is ClusterState.ShutDown && !File.Exists(Below("backup_label"));

    /// <summary>Replication slots, which the copy does not get.</summary>
    public IReadOnlyList<string> Slots => [.. Directory.EnumerateDirectories(Below("pg_replslot")).Select(p => System.IO.Path.GetFileName(p))];

    private IEnumerable<string> OutsideTablespaces => Directory.EnumerateFileSystemEntries(Below("pg_tblspc")).Where(p => new FileInfo(p).LinkTarget is not null);

    /// <summary>Checks that it can be copied and that this build can open the copy.</summary>
    /// <exception cref="ClusterException">It cannot; the message says why and what to do.</exception>
    public static SourceDirectory Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        string version = System.IO.Path.Combine(full, ClusterCreation.VersionFile);
        if (!File.Exists(version))
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{path} is not a PostgreSQL data directory: it has no {ClusterCreation.VersionFile} that can be read");
        }

        string major = File.ReadAllText(version).Trim(), own = EngineArtifacts.PostgresMajorVersion.ToString(CultureInfo.InvariantCulture);
        if (major != own)
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{path} belongs to PostgreSQL {major}, this is {own}: start it with the programs of {major} and copy each database (pocketgres copy postgres://... file:DIR), or dump it with its pg_dumpall and pocketgres restore; or make it {own} with pg_upgrade");
        }

        var held = DirectoryLock.Take(full);
        try
        {
            RefuseRunning(full, path);
            foreach (string signal in (string[])["standby.signal", "recovery.signal"])
            {
                if (File.Exists(System.IO.Path.Combine(full, signal)))
                {
                    throw new ClusterException(ClusterError.ForeignDirectory, $"{path} is a standby or an archive recovery ({signal}): promote it and stop it, or remove that file from a backup that has its log");
                }
            }

            var source = new SourceDirectory(full, held, ReadControlFile(full));
            source.CheckControlFile(path);
            return source;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Copies it into an empty directory; reflinks where the file system has them. Tablespaces become directories of the copy.</summary>
    /// <exception cref="IOException">Something cannot be read or written, or the source was written meanwhile.</exception>
    public void CopyTo(string target, IProgress<long> progress, CancellationToken cancellationToken)
    {
        long bytes = 0;
        Copy(Path, target, "");
        if (!ReadControlFile(Path).AsSpan().SequenceEqual(_control))
        {
            throw new IOException($"{Path} was written while it was copied: stop its server");
        }

        void Copy(string from, string to, string relative)
        {
            foreach (string entry in Directory.EnumerateFileSystemEntries(from))
            {
                cancellationToken.ThrowIfCancellationRequested();
                string name = System.IO.Path.GetFileName(entry), path = relative + name, copy = System.IO.Path.Combine(to, name);
                if (s_left.Contains(path) || name.StartsWith("pgsql_tmp", StringComparison.Ordinal))
                {
                    continue;
                }

                if (Directory.Exists(entry))
                {
                    Directory.CreateDirectory(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                    if (!s_emptied.Contains(path))
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
    public void Dispose() => _lock.Dispose();

    private static byte[] ReadControlFile(string directory)
    {
        using var file = new FileStream(System.IO.Path.Combine(directory, ControlFile.Name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[Math.Min(file.Length, LinkOrFileLimit)];
        file.ReadExactly(bytes);
        return bytes;
    }

    // A server elsewhere (another container) cannot be seen: CopyTo looks whether pg_control changes.
    private static void RefuseRunning(string full, string shown)
    {
        string file = System.IO.Path.Combine(full, "postmaster.pid");
        if (File.Exists(file) && File.ReadLines(file).FirstOrDefault() is { } line && int.TryParse(line, CultureInfo.InvariantCulture, out int pid) && Directory.Exists($"/proc/{Math.Abs(pid)}"))
        {
            throw new ClusterException(ClusterError.DirectoryInUse,
                $"{shown} is served by process {Math.Abs(pid)}: stop that server first, or take a backup of it with pocketgres pg_basebackup -D BACKUP and take that");
        }
    }

    private void CheckControlFile(string shown)
    {
        ControlFile control, own = EngineFiles.Default.TemplateControl;
        try
        {
            control = ControlFile.Parse(_control);
        }
        catch (InvalidDataException e)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{shown}: {e.Message}: restore a backup", e);
        }

        if (control.Version == ControlFile.KnownVersion && !control.IsIntact)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{shown}: {ControlFile.Name} is damaged (wrong checksum): restore a backup");
        }

        if (!control.IsCompatibleWith(own))
        {
            string why = control.Version != own.Version || control.CatalogVersion != own.CatalogVersion ? "it is of another PostgreSQL than 18 (a beta version?)"
                : control.BlockSize != own.BlockSize ? $"its pages have {control.BlockSize} bytes, here they have {own.BlockSize}"
                : control.SegmentSize != own.SegmentSize ? $"its files have {control.SegmentSize} pages, here they have {own.SegmentSize}"
                : control.Float8ByValue != own.Float8ByValue ? "it is 32-bit, as those of PGlite and of pocketgres with PGlite's engine are"
                : "its server was built with other sizes or alignments";
            throw new ClusterException(ClusterError.WrongVersion, $"{shown} cannot be taken over as files: {why}; dump it with the program that made it, and use pocketgres restore");
        }

        // Recovery would make the links of new tablespaces anew, to the places of the source.
        if (!IsClean && OutsideTablespaces.FirstOrDefault() is { } link)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{shown} was not stopped in order and has tablespaces elsewhere ({new FileInfo(link).LinkTarget}): start it with its own server, and stop that in order (pg_ctl stop -m fast)");
        }
    }

    private string Below(string name) => System.IO.Path.Combine(Path, name);
}
