using System.Globalization;
using System.Text.RegularExpressions;
using Pocketgres.Engine.Data;

namespace Pocketgres.Engine;

/// <summary>
/// Checks a data directory that no server has open: the control file, the files a server cannot start without, and the checksum of every page of every
/// table and index. It reads only. What stands in the pages is not looked at (that is amcheck's work).
/// </summary>
public sealed partial class ClusterCheck
{
    private const int MaximumProblems = 100;
    private const int PagesAtOnce = 128;
    private const uint RelationMapMagic = 0x592717; // utils/cache/relmapper.c
    private const int RelationMapSize = 524, RelationMapCrcOffset = 520;

    private readonly string _path;
    private readonly List<string> _problems = [];
    private readonly CancellationToken _cancellation;
    private long _problemCount;
    private long _pages;
    private int _files;

    private ClusterCheck(string path, CancellationToken cancellation)
    {
        _path = path;
        _cancellation = cancellation;
    }

    /// <summary>Runs the check.</summary>
    /// <param name="dataDirectory">The data directory.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ClusterException">It is no data directory of this engine, it cannot be read, or a server has it open.</exception>
    public static CheckReport Run(string dataDirectory, CancellationToken cancellationToken = default)
    {
        string path = Path.GetFullPath(dataDirectory);
        if (!File.Exists(Path.Combine(path, ClusterCreation.VersionFile)))
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{path} is not a PostgreSQL data directory (it has no {ClusterCreation.VersionFile})");
        }

        try
        {
            using var directoryLock = DirectoryLock.Take(path);
            return new ClusterCheck(path, cancellationToken).Run();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible, $"cannot check {path}: {e.Message.TrimEnd('.')}", e);
        }
    }

    private CheckReport Run()
    {
        bool clean = false;
        if (CheckControlFile() is { } control)
        {
            clean = control.State is ClusterState.ShutDown or ClusterState.ShutDownInRecovery;
            foreach (string directory in Directories())
            {
                CheckDirectory(directory, control);
            }
        }

        bool restoring = File.Exists(Path.Combine(_path, "backup_label"));
        return new CheckReport(
            _problemCount == 0 ? CheckVerdict.Intact : clean && !restoring ? CheckVerdict.Damaged : CheckVerdict.Undecided,
            clean, restoring, _files, _pages, _problemCount, _problems);
    }

    private ControlFile? CheckControlFile()
    {
        ControlFile control;
        try
        {
            control = ControlFile.Parse(File.ReadAllBytes(Path.Combine(_path, ControlFile.Name)));
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            Report($"{ControlFile.Name}: {e.Message}");
            return null;
        }

        if (control.Version != ControlFile.KnownVersion || control.BlockSize != PageChecksum.PageSize)
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{_path} is of another version of PostgreSQL (control file {control.Version}, this program knows {ControlFile.KnownVersion})");
        }

        if (!control.IsIntact)
        {
            Report($"{ControlFile.Name}: wrong checksum: nothing else can be judged");
            return null;
        }

        if (!control.HasChecksums)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{_path} was made without data checksums: there is nothing to check pages by");
        }

        return control;
    }

    /// <summary>global, each database, and each database's directory in each tablespace.</summary>
    private IEnumerable<string> Directories()
    {
        yield return "global";
        foreach (string root in (string[])["base", .. TablespaceRoots()])
        {
            string full = Path.Combine(_path, root);
            if (!Directory.Exists(full))
            {
                Report($"{root}: the directory is missing");
                continue;
            }

            foreach (string database in Directory.EnumerateDirectories(full).Select(d => Path.GetFileName(d)!).Where(n => n.All(char.IsAsciiDigit)).Order(StringComparer.Ordinal))
            {
                yield return $"{root}/{database}";
            }
        }
    }

    private List<string> TablespaceRoots()
    {
        var roots = new List<string>();
        string links = Path.Combine(_path, "pg_tblspc");
        foreach (string link in Directory.Exists(links) ? Directory.GetFileSystemEntries(links) : [])
        {
            string shown = "pg_tblspc/" + Path.GetFileName(link);
            if (!Directory.Exists(link))
            {
                Report($"{shown}: the tablespace's directory is missing");
                continue;
            }

            roots.AddRange(Directory.EnumerateDirectories(link, "PG_18_*").Select(d => $"{shown}/{Path.GetFileName(d)}"));
        }

        return roots;
    }

    private void CheckDirectory(string directory, ControlFile control)
    {
        string full = Path.Combine(_path, directory);
        string map = Path.Combine(full, "pg_filenode.map");
        bool isDatabase = directory != "global";
        if (isDatabase && directory.StartsWith("base/", StringComparison.Ordinal) && !File.Exists(Path.Combine(full, ClusterCreation.VersionFile)))
        {
            Report($"{directory}/{ClusterCreation.VersionFile}: missing: the database cannot be opened");
        }

        if (File.Exists(map))
        {
            CheckRelationMap($"{directory}/pg_filenode.map", File.ReadAllBytes(map));
        }
        else if (!isDatabase || directory.StartsWith("base/", StringComparison.Ordinal))
        {
            Report($"{directory}/pg_filenode.map: missing");
        }

        foreach (string file in Directory.EnumerateFiles(full).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal))
        {
            if (RelationFile.Match(file) is { Success: true } match)
            {
                _ = uint.TryParse(match.Groups["segment"].Value, CultureInfo.InvariantCulture, out uint segment);
                CheckRelation($"{directory}/{file}", segment * (uint)control.SegmentSize);
            }
        }
    }

    /// <summary>RelMapFile: magic, number of mappings, 64 mappings of 8 bytes, checksum (utils/cache/relmapper.c).</summary>
    private void CheckRelationMap(string name, byte[] bytes)
    {
        if (bytes.Length < RelationMapSize || BitConverter.ToUInt32(bytes) != RelationMapMagic
            || BitConverter.ToUInt32(bytes, RelationMapCrcOffset) != Crc32C.Compute(bytes.AsSpan(0, RelationMapCrcOffset)))
        {
            Report($"{name}: damaged");
        }
    }

    private void CheckRelation(string name, uint firstBlock)
    {
        _files++;
        using var file = File.OpenHandle(Path.Combine(_path, name));
        var buffer = new byte[PagesAtOnce * PageChecksum.PageSize];
        long offset = 0;
        while (true)
        {
            _cancellation.ThrowIfCancellationRequested();
            int read = ReadFully(file, buffer, offset);
            for (int at = 0; at + PageChecksum.PageSize <= read; at += PageChecksum.PageSize)
            {
                CheckPage(name, buffer.AsSpan(at, PageChecksum.PageSize), firstBlock + (uint)((offset + at) / PageChecksum.PageSize));
            }

            if (read % PageChecksum.PageSize != 0)
            {
                Report($"{name}: its length, {offset + read}, is no multiple of a page: the last page is cut off");
            }

            if (read < buffer.Length)
            {
                return;
            }

            offset += read;
        }
    }

    private void CheckPage(string name, ReadOnlySpan<byte> page, uint block)
    {
        _pages++;
        if (PageChecksum.IsNew(page))
        {
            if (page.ContainsAnyExcept((byte)0))
            {
                Report($"{name}: block {block}: looks like a new page but is not empty");
            }

            return;
        }

        ushort expected = PageChecksum.Compute(page, block);
        if (PageChecksum.Stored(page) != expected)
        {
            Report(string.Create(CultureInfo.InvariantCulture, $"{name}: block {block}: checksum {PageChecksum.Stored(page):X4} instead of {expected:X4}"));
        }
    }

    private static int ReadFully(Microsoft.Win32.SafeHandles.SafeFileHandle file, byte[] buffer, long offset)
    {
        int done = 0;
        while (done < buffer.Length && RandomAccess.Read(file, buffer.AsSpan(done), offset + done) is > 0 and var n)
        {
            done += n;
        }

        return done;
    }

    private void Report(string problem)
    {
        if (++_problemCount <= MaximumProblems)
        {
            _problems.Add(problem);
        }
    }

    // Main forks and others, segments; not temporary relations (t...), which the next start deletes. The number of a fork's segment follows its name.
    [GeneratedRegex(@"^[0-9]+(_(fsm|vm|init))?(\.(?<segment>[0-9]+))?$", RegexOptions.CultureInvariant)]
    private static partial Regex RelationFile { get; }
}

/// <summary>What a check found.</summary>
/// <param name="Verdict">The judgement.</param>
/// <param name="CleanlyStopped">Whether the last server stopped cleanly; else the next start recovers.</param>
/// <param name="IsUnrestoredBackup">Whether this is a base backup that was never started.</param>
/// <param name="Files">Files of tables and indexes that were read.</param>
/// <param name="Pages">Pages that were read.</param>
/// <param name="ProblemCount">How many problems there are.</param>
/// <param name="Problems">The first hundred of them, a line each.</param>
public sealed record CheckReport(
    CheckVerdict Verdict, bool CleanlyStopped, bool IsUnrestoredBackup, int Files, long Pages, long ProblemCount, IReadOnlyList<string> Problems);

/// <summary>The judgement over a data directory.</summary>
public enum CheckVerdict
{
    /// <summary>No problem was found.</summary>
    Intact,

    /// <summary>Something is damaged.</summary>
    Damaged,

    /// <summary>
    /// Problems were found, but the server was not stopped cleanly, or this is an unrestored backup: recovery, which rewrites pages that were being
    /// written, may repair them.
    /// </summary>
    Undecided,
}
