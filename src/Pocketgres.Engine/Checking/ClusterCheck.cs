using System.Globalization;
using System.Text.RegularExpressions;
using Pocketgres.Engine.Checking;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine;

/// <summary>
/// Checks a data directory that no server has open: the control file, the files a server cannot start without, and the checksum of every page of every
/// table and index. It reads only. What stands in the pages is not looked at: that takes a server (amcheck).
/// </summary>
public sealed partial class ClusterCheck
{
    private const int MaximumProblems = 100;
    private const int PagesAtOnce = 128;
    private const uint RelationMapMagic = 0x592717; // utils/cache/relmapper.c
    private const int RelationMapSize = 524, RelationMapCrcOffset = 520;

    private readonly DirectoryView _view;
    private readonly List<string> _problems = [];
    private readonly byte[] _buffer = new byte[PagesAtOnce * PageChecksum.PageSize];
    private readonly CancellationToken _cancellation;
    private long _problemCount;
    private long _pages;
    private int _files;

    private ClusterCheck(DirectoryView view, CancellationToken cancellation)
    {
        _view = view;
        _cancellation = cancellation;
    }

    /// <summary>Runs the check.</summary>
    /// <param name="dataDirectory">The data directory.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ClusterException">It is no data directory of this engine, it cannot be read, or a server has it open.</exception>
    public static CheckReport Run(string dataDirectory, CancellationToken cancellationToken = default)
    {
        using var directory = StoppedDirectory.Open(dataDirectory);
        return Run(directory.Files, cancellationToken);
    }

    /// <summary>The same for a directory that is known to be one and to stay as it is.</summary>
    /// <exception cref="ClusterException">It is not of this engine, or cannot be read.</exception>
    internal static CheckReport Run(DirectoryView view, CancellationToken cancellationToken)
    {
        try
        {
            return new ClusterCheck(view, cancellationToken).Run();
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
            foreach (string directory in Directories())
            {
                CheckDirectory(directory, control);
            }
        }

        // What recovery may repair is not yet damage. Without a control file there is no recovery.
        bool restoring = _view.IsFile("backup_label");
        return new CheckReport(
            _problemCount == 0 ? CheckVerdict.Intact : control is null || (clean && !restoring) ? CheckVerdict.Damaged : CheckVerdict.Undecided,
            clean, restoring, _files, _pages, _problemCount, _problems, control is not null);
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

    /// <summary>global, each database, and each database's directory in each tablespace.</summary>
    private IEnumerable<string> Directories()
    {
        yield return "global";
        foreach (string root in (string[])["base", .. TablespaceRoots()])
        {
            if (_view.List(root) is not { } names)
            {
                Report($"{root}: the directory is missing");
                continue;
            }

            foreach (string database in names.Where(n => n.All(char.IsAsciiDigit) && _view.IsDirectory($"{root}/{n}")))
            {
                yield return $"{root}/{database}";
            }
        }
    }

    private List<string> TablespaceRoots()
    {
        var roots = new List<string>();
        foreach (string link in (_view.List("pg_tblspc") ?? []).Select(n => "pg_tblspc/" + n))
        {
            if (_view.List(link) is { } names)
            {
                roots.AddRange(names.Where(n => n.StartsWith("PG_18_", StringComparison.Ordinal)).Select(n => $"{link}/{n}"));
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
        string map = $"{directory}/pg_filenode.map";
        bool isDatabase = directory != "global";
        if (isDatabase && directory.StartsWith("base/", StringComparison.Ordinal) && !_view.IsFile($"{directory}/{ClusterCreation.VersionFile}"))
        {
            Report($"{directory}/{ClusterCreation.VersionFile}: missing: the database cannot be opened");
        }

        if (_view.IsFile(map))
        {
            CheckRelationMap(map, _view.ReadAll(map, RelationMapSize));
        }
        else if (!isDatabase || directory.StartsWith("base/", StringComparison.Ordinal))
        {
            Report($"{map}: missing");
        }

        foreach (string file in _view.List(directory) ?? [])
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
        var file = _view.Open(name);
        try
        {
            CheckPages(name, file, firstBlock);
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

    private void CheckPages(string name, OpenFile file, uint firstBlock)
    {
        for (long offset = 0; ; offset += _buffer.Length)
        {
            _cancellation.ThrowIfCancellationRequested();
            int read = ReadFully(file, name, offset);
            for (int at = 0; at + PageChecksum.PageSize <= read; at += PageChecksum.PageSize)
            {
                CheckPage(name, _buffer.AsSpan(at, PageChecksum.PageSize), firstBlock + (uint)((offset + at) / PageChecksum.PageSize));
            }

            if (read % PageChecksum.PageSize != 0)
            {
                Report($"{name}: its length, {offset + read}, is no multiple of a page: the last page is cut off");
            }

            if (read < _buffer.Length)
            {
                return;
            }
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
        if (++_problemCount <= MaximumProblems)
        {
            _problems.Add(problem);
        }
    }

    // Main forks and others, segments; not temporary relations (t...), which the next start deletes. The number of a fork's segment follows its name.
    [GeneratedRegex(@"^[0-9]+(_(fsm|vm|init))?(\.(?<segment>[0-9]+))?$", RegexOptions.CultureInvariant)]
    private static partial Regex RelationFile { get; }
}
