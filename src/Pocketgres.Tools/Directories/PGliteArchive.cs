using System.Formats.Tar;
using System.IO.Compression;
using Pocketgres.Copying;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Directories;

/// <summary>An archive that PGlite loads (loadDataDir): a tar of a data directory, compressed with gzip.</summary>
internal static class PGliteArchive
{
    private const string Configuration = "postgresql.conf";
    private const string NoSpace = "no space left"; // the kernel's exceptions and .NET's
    private const string DataName = "data", ArchiveName = "archive";
    private const UnixFileMode DirectoryMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // What a server without processes, libraries of ours and an archive does not start with.
    private static readonly HashSet<string> s_unusable = new(StringComparer.Ordinal)
    {
        "shared_preload_libraries", "session_preload_libraries", "local_preload_libraries", "ssl", "archive_mode", "data_directory", "hba_file", "ident_file", "external_pid_file", "log_destination", "logging_collector",
    };

    /// <summary>Makes one. It appears when it is whole; what an attempt that was killed left beside it, the next one removes.</summary>
    /// <param name="file">Its path: new, or an archive to replace.</param>
    /// <param name="fill">Writes the cluster to a directory that exists.</param>
    /// <param name="report">Told the bytes packed so far.</param>
    /// <param name="cancellationToken">Cancels; nothing is left.</param>
    /// <exception cref="CopyException">There is no such place or no room, or a file that is no archive.</exception>
    public static void Create(string file, Action<string> fill, Action<DirectoryPhase, long, string?> report, CancellationToken cancellationToken)
    {
        string full = Path.GetFullPath(file), parent = Path.GetDirectoryName(full) ?? "/", work = full + ".unfinished";
        if (Directory.Exists(full) || !Directory.Exists(parent))
        {
            throw new CopyException(Directory.Exists(full) ? $"not copied: {file} is a directory: name the archive's file (.tgz)" : $"not copied: {file} cannot be made: there is no directory {parent}");
        }

        if (File.Exists(full) && !IsCompressed(full))
        {
            throw new CopyException($"not copied: {file} is there and is no archive: name another file, or remove it");
        }

        string data = Path.Combine(work, DataName), archive = Path.Combine(work, ArchiveName);
        Directory.CreateDirectory(work, DirectoryMode);
        using var held = DirectoryLock.Take(work);
        try
        {
            Remove(data);
            File.Delete(archive);
            Directory.CreateDirectory(data, DirectoryMode);
            fill(data);
            Pack(data, archive, bytes => report(DirectoryPhase.Packing, bytes, null), cancellationToken);
            File.Move(archive, full, overwrite: true);
            FileTree.Sync(new HostFileSystem("/"), parent);
        }
        catch (IOException e)
        {
            throw new CopyException($"not copied, and nothing is left: {file} cannot be made: {e.Message.TrimEnd('.')}{(e.Message.Contains(NoSpace, StringComparison.OrdinalIgnoreCase) ? "; the directory's size is needed there, and that of the archive" : "")}", e);
        }
        finally
        {
            Remove(work);
        }
    }

    /// <summary>Takes out of a directory what only this program's server knows or PGlite cannot use.</summary>
    /// <returns>A line about each setting.</returns>
    public static IReadOnlyList<string> Leave(string directory)
    {
        var notes = new List<string>();
        foreach (var file in ConfigurationFile.ReadAll(Path.Combine(directory, Configuration)).Concat(ConfigurationFile.ReadAll(Path.Combine(directory, "postgresql.auto.conf"))))
        {
            foreach (var (line, name, value) in file.Settings.Where(s => s_unusable.Contains(s.Name) || s.Name.StartsWith("pocketgres.", StringComparison.Ordinal)).ToList())
            {
                file.CommentOut(line, "PGlite does not have it");
                notes.Add($"commented out: {Path.GetFileName(file.Path)}: {name} = {value}: PGlite does not have it");
            }

            file.Write();
        }

        foreach (string own in Directory.EnumerateFiles(directory, "pocketgres.*"))
        {
            File.Delete(own);
        }

        return notes;
    }

    private static bool IsCompressed(string path)
    {
        using var file = File.OpenRead(path);
        return file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
    }

    private static void Pack(string directory, string archive, Action<long> report, CancellationToken cancellationToken)
    {
        using var file = new FileStream(archive, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        using (var compressed = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true))
        using (var writer = new TarWriter(compressed, TarEntryFormat.Ustar, leaveOpen: true))
        {
            long bytes = 0;
            Add(directory, "");

            void Add(string from, string prefix)
            {
                foreach (string path in Directory.EnumerateFileSystemEntries(from).Order(StringComparer.Ordinal))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    string name = prefix + "/" + Path.GetFileName(path);
                    if (Directory.Exists(path))
                    {
                        writer.WriteEntry(new UstarTarEntry(TarEntryType.Directory, name) { Mode = DirectoryMode });
                        Add(path, name);
                        continue;
                    }

                    using var content = File.OpenRead(path);
                    writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite, DataStream = content });
                    report(bytes += content.Length);
                }
            }
        }

        file.Flush(flushToDisk: true);
    }

    private static void Remove(string work)
    {
        if (Directory.Exists(work))
        {
            Directory.Delete(work, recursive: true);
        }
    }
}
