using System.Globalization;
using System.Text.RegularExpressions;
using Pocketgres.Engine.Checking;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Installation;

namespace Pocketgres.Engine;

/// <summary>
/// Checks a data directory that no server has open: the control file, the files a server cannot start without, and the checksum of every page of every
/// table and index. It reads only. What stands in the pages is not looked at: that takes a server (amcheck).
/// </summary>
/// <remarks>
/// What PostgreSQL leaves behind is no damage: files that belong to nothing (<see cref="LiveFiles"/>), a part of a page at the end of a file that could not
/// grow, a free space map's page, which is not logged and which a server empties when it cannot read it.
/// </remarks>
public sealed partial class ClusterCheck
{
    private const int MaximumProblems = 100;
    private const int PagesAtOnce = 128;

    private readonly DirectoryView _view;
    private readonly LiveFiles? _live;
    private readonly List<string> _problems = [];
    private readonly List<string> _notes = [];
    private readonly byte[] _buffer = new byte[PagesAtOnce * PageChecksum.PageSize];
    private readonly CancellationToken _cancellation;
    private long _problemCount;
    private long _uncertainCount;
    private long _pages;
    private int _files;
    private bool _uncertain; // what is being looked at may be nobody's

    private ClusterCheck(DirectoryView view, LiveFiles? live, CancellationToken cancellation)
    {
        _view = view;
        _live = live;
        _cancellation = cancellation;
    }

    /// <summary>Runs the check.</summary>
    /// <param name="dataDirectory">The data directory.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ClusterException">It is no data directory of this engine, it cannot be read, or a server has it open.</exception>
    public static CheckReport Run(string dataDirectory, CancellationToken cancellationToken = default)
    {
        using var directory = StoppedDirectory.Open(dataDirectory);
        return Run(directory.Files, live: null, cancellationToken);
    }

    /// <summary>The same for a directory that is known to be one and to stay as it is.</summary>
    /// <param name="view">The directory.</param>
    /// <param name="live">Which files count; null when nobody knows.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ClusterException">It is not of this engine, or cannot be read.</exception>
    internal static CheckReport Run(DirectoryView view, LiveFiles? live, CancellationToken cancellationToken)
    {
        try
        {
            return new ClusterCheck(view, live, cancellationToken).Run();
        }
        catch (IOException e)
        {
            throw StoppedDirectory.Unreadable(view.Path, e);
        }
    }

    private CheckReport Run()
    {
        var control = CheckControlFile();
        bool clean = control is { State: ClusterState.ShutDown or ClusterState.ShutDownInRecovery };
        if (control is not null)
        {
            CheckDirectory("global", control);
            CheckDatabases(control);
        }

        // What recovery may repair is not yet damage, and neither is what may be nobody's. Without a control file there is no recovery.
        bool restoring = _view.IsFile("backup_label");
        bool certain = control is null || (clean && !restoring && _problemCount > _uncertainCount);
        return new CheckReport(
            _problemCount == 0 ? CheckVerdict.Intact : certain ? CheckVerdict.Damaged : CheckVerdict.Undecided,
            clean, restoring, _files, _pages, _problemCount, _problems, _notes, control is not null);
    }

    private ControlFile? CheckControlFile()
    {
        ControlFile control;
        try
        {
            control = _view.ReadControlFile();
        }
        catch (Exception e) when (e is InvalidDataException or FileSystemException { Error: Errno.ENOENT or Errno.ENOTDIR or Errno.EIO })
        {
            Report($"{ControlFile.Name}: {e.Message}");
            return null;
        }

        if (control.Version != ControlFile.KnownVersion || control.BlockSize != PageChecksum.PageSize)
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{_view.Path} is of another version of PostgreSQL (control file {control.Version}, this program knows {ControlFile.KnownVersion})");
        }

        if (!control.IsIntact)
        {
            Report($"{ControlFile.Name}: wrong checksum: nothing else can be judged");
            return null;
        }

        if (!control.HasChecksums)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{_view.Path} was made without data checksums: there is nothing to check pages by");
        }

        return control;
    }

    // A database has a directory in each tablespace that it has relations in. The one in its default tablespace has its version and its map too.
    private void CheckDatabases(ControlFile control)
    {
        var directories = new List<(string Database, string Path)>();
        foreach (string root in (string[])["base", .. TablespaceRoots(control)])
        {
            if (_view.List(root) is { } names)
            {
                directories.AddRange(names.Where(n => n.All(char.IsAsciiDigit) && _view.IsDirectory($"{root}/{n}")).Select(n => (n, $"{root}/{n}")));
            }
            else
            {
                Report($"{root}: the directory is missing");
            }
        }

        foreach (var database in directories.Where(d => _live?.IsDatabase(d.Database) ?? true).GroupBy(d => d.Database, d => d.Path))
        {
            CheckDatabase([.. database], control);
        }
    }

    private void CheckDatabase(IReadOnlyList<string> directories, ControlFile control)
    {
        string? home = directories.FirstOrDefault(d => _view.IsFile($"{d}/{ClusterCreation.VersionFile}"));
        _uncertain = home is null && _live is null;
        if (home is null)
        {
            Report($"{directories[0]}/{ClusterCreation.VersionFile}: missing: "
                + (_uncertain ? "a database that cannot be opened, or what an interrupted CREATE or DROP DATABASE left" : "the database cannot be opened"));
        }
        else if (!_view.IsFile($"{home}/{RelationMapFile.Name}"))
        {
            // CREATE DATABASE writes it after the version: it may not have come to that.
            _uncertain = _live is null;
            Report($"{home}/{RelationMapFile.Name}: missing");
        }

        foreach (string directory in directories)
        {
            CheckDirectory(directory, control);
        }

        _uncertain = false;
    }

    private List<string> TablespaceRoots(ControlFile control)
    {
        var roots = new List<string>();
        string version = string.Create(CultureInfo.InvariantCulture, $"PG_{EngineArtifacts.PostgresMajorVersion}_{control.CatalogVersion}");
        foreach (string name in (_view.List("pg_tblspc") ?? []).Where(n => _live?.IsTablespace(n) ?? true))
        {
            string link = "pg_tblspc/" + name;
            if (_view.List(link) is { } names)
            {
                roots.AddRange(names.Where(n => n == version).Select(n => $"{link}/{n}"));
            }
            else
            {
                Report($"{link}: the tablespace's directory is missing");
            }
        }

        return roots;
    }

    private void CheckDirectory(string directory, ControlFile control)
    {
        string map = $"{directory}/{RelationMapFile.Name}";
        if (_view.IsFile(map))
        {
            CheckRelationMap(map, _view.ReadAll(map, RelationMap.Size), isDatabase: directory != "global");
        }
        else if (directory == "global")
        {
            Report($"{map}: missing");
        }

        foreach (string file in _view.List(directory) ?? [])
        {
            if (RelationFile.Match(file) is { Success: true } match && (_live?.IsRelation(directory, match.Groups["number"].Value) ?? true))
            {
                _ = uint.TryParse(match.Groups["segment"].Value, CultureInfo.InvariantCulture, out uint segment);
                CheckRelation($"{directory}/{file}", segment * (uint)control.SegmentSize, match.Groups["fork"].Value == "fsm");
            }
        }
    }

    private void CheckRelationMap(string name, byte[] bytes, bool isDatabase)
    {
        bool whole = bytes.Length == RelationMap.Size;
        if (!whole || BitConverter.ToUInt32(bytes, RelationMap.MagicOffset) != RelationMapFile.Magic
            || BitConverter.ToUInt32(bytes, RelationMap.CrcOffset) != Crc32C.Compute(bytes.AsSpan(0, RelationMap.CrcOffset)))
        {
            _uncertain |= !whole && isDatabase && _live is null; // CREATE DATABASE may have been copying it
            Report($"{name}: damaged");
        }
    }

    private void CheckRelation(string name, uint firstBlock, bool isFreeSpaceMap)
    {
        _files++;
        var file = _view.Open(name);
        try
        {
            CheckPages(name, file, firstBlock, isFreeSpaceMap ? Note : Report);
        }
        catch (FileSystemException e) when (e.Error == Errno.EIO)
        {
            Report(e.Message); // the disk itself says so; the other files are still worth knowing
        }
        finally
        {
            file.Release();
        }
    }

    private void CheckPages(string name, OpenFile file, uint firstBlock, Action<string> report)
    {
        for (long offset = 0; ; offset += _buffer.Length)
        {
            _cancellation.ThrowIfCancellationRequested();
            int read = ReadFully(file, name, offset);
            for (int at = 0; at + PageChecksum.PageSize <= read; at += PageChecksum.PageSize)
            {
                CheckPage(name, _buffer.AsSpan(at, PageChecksum.PageSize), firstBlock + (uint)((offset + at) / PageChecksum.PageSize), report);
            }

            // To a server the file ends before it, and is written over it when it grows.
            if (read % PageChecksum.PageSize is not 0 and int rest)
            {
                Note($"{name}: the last {rest} bytes are no whole page: what a full disk leaves of a page that was to be added");
            }

            if (read < _buffer.Length)
            {
                return;
            }
        }
    }

    private void CheckPage(string name, ReadOnlySpan<byte> page, uint block, Action<string> report)
    {
        _pages++;
        if (PageChecksum.IsNew(page))
        {
            if (page.ContainsAnyExcept((byte)0))
            {
                report($"{name}: block {block}: looks like a new page but is not empty");
            }

            return;
        }

        ushort expected = PageChecksum.Compute(page, block);
        if (PageChecksum.Stored(page) != expected)
        {
            report(string.Create(CultureInfo.InvariantCulture, $"{name}: block {block}: checksum {PageChecksum.Stored(page):X4} instead of {expected:X4}"));
        }
    }

    private unsafe int ReadFully(OpenFile file, string name, long offset)
    {
        fixed (byte* buffer = _buffer)
        {
            for (int done = 0; ;)
            {
                int n = done < _buffer.Length ? file.ReadAt(buffer + done, _buffer.Length - done, offset + done) : 0;
                FileSystemException.ThrowIf(n < 0 ? (Errno)(-n) : Errno.None, "read", name);
                if (n == 0)
                {
                    return done;
                }

                done += n;
            }
        }
    }

    private void Report(string problem)
    {
        _uncertainCount += _uncertain ? 1 : 0;
        if (++_problemCount <= MaximumProblems)
        {
            _problems.Add(problem);
        }
    }

    private void Note(string note)
    {
        if (_notes.Count < MaximumProblems)
        {
            _notes.Add(note);
        }
    }

    // Main forks and others, segments; not temporary relations (t...), which the next start deletes. The number of a fork's segment follows its name.
    [GeneratedRegex(@"^(?<number>[0-9]+)(_(?<fork>fsm|vm|init))?(\.(?<segment>[0-9]+))?$", RegexOptions.CultureInvariant)]
    private static partial Regex RelationFile { get; }
}
