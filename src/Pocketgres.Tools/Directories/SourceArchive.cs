using System.Formats.Tar;
using System.IO.Compression;
using Pocketgres.Copying;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;

namespace Pocketgres.Directories;

/// <summary>A tar archive of a data directory, compressed with gzip or not, as PGlite's dumpDataDir makes it. Its first level is the directory's, or the directory itself.</summary>
internal sealed class SourceArchive : ClusterSource
{
    private const int MagicOffset = 257;
    private const UnixFileMode FileMode600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly FileStream _file;
    private readonly bool _isCompressed;
    private readonly string _shown;
    private ControlFile? _control;
    private bool _isClean;
    private IReadOnlyList<string> _slots = [];

    private SourceArchive(FileStream file, bool isCompressed, string shown)
        : base(System.IO.Path.GetFullPath(shown)) => (_file, _isCompressed, _shown) = (file, isCompressed, shown);

    /// <inheritdoc/>
    public override ControlFile Control => _control ?? throw new InvalidOperationException("the archive was not read yet");

    /// <inheritdoc/>
    public override bool IsClean => _isClean;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Slots => _slots;

    /// <summary>Opens a file.</summary>
    /// <exception cref="ClusterException">It is no such archive.</exception>
    public static SourceArchive OpenFile(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible, $"{path} cannot be read: {e.Message}", e);
        }

        byte[] head = new byte[MagicOffset + 5];
        int length = file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        file.Position = 0;
        bool isCompressed = head is [0x1F, 0x8B, ..];
        if (isCompressed || (length == head.Length && head.AsSpan(MagicOffset).SequenceEqual("ustar"u8)))
        {
            return new SourceArchive(file, isCompressed, path);
        }

        file.Dispose();
        throw new ClusterException(ClusterError.ForeignDirectory, $"{path} is neither a data directory nor a tar archive of one (.tar, .tar.gz), as PGlite's dumpDataDir makes it; for a dump use pocketgres restore");
    }

    /// <inheritdoc/>
    public override void CopyTo(string target, IProgress<long> progress, CancellationToken cancellationToken)
    {
        try
        {
            Extract(target, progress, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new CopyException($"not copied: {_shown} is cut off or damaged: {e.Message.TrimEnd('.')}: take a whole archive", e);
        }

        if (!File.Exists(System.IO.Path.Combine(target, ClusterCreation.VersionFile)) && Directory.GetFileSystemEntries(target) is [var only] && Directory.Exists(only))
        {
            string outer = only + ".outer"; // the directory may have an entry of its own name
            Directory.Move(only, outer);
            foreach (string entry in Directory.EnumerateFileSystemEntries(outer).ToList())
            {
                Directory.Move(entry, System.IO.Path.Combine(target, System.IO.Path.GetFileName(entry)));
            }

            Directory.Delete(outer);
        }

        SourceCheck.Version(target, _shown);
        SourceCheck.Signals(target, _shown);
        foreach (string needed in (string[])["global", "base", "pg_wal", "pg_xact"])
        {
            if (!Directory.Exists(System.IO.Path.Combine(target, needed)))
            {
                throw new CopyException($"not copied: {_shown} has no directory {needed}: take a whole archive");
            }
        }

        _control = SourceCheck.Control(SourceCheck.ReadControl(target), _shown);
        _isClean = IsCleanDirectory(target, _control);
        _slots = SlotsOf(target);
        foreach (string entry in Directory.EnumerateFileSystemEntries(target).ToList())
        {
            string name = System.IO.Path.GetFileName(entry);
            if (IsLeft(name))
            {
                File.Delete(entry);
            }
            else if (IsEmptied(name))
            {
                Directory.Delete(entry, recursive: true);
                MakeDirectory(entry);
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _file.Dispose();

    private void Extract(string target, IProgress<long> progress, CancellationToken cancellationToken)
    {
        using Stream content = _isCompressed ? new GZipStream(_file, CompressionMode.Decompress, leaveOpen: true) : new ForwardStream(_file);
        using var reader = new TarReader(content, leaveOpen: true);
        long bytes = 0;
        while (reader.GetNextEntry() is { } entry)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string[] parts = entry.Name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".").ToArray();
            if (parts.Contains(".."))
            {
                throw new InvalidDataException($"the name {entry.Name} leads out of it");
            }

            string path = System.IO.Path.Combine([target, .. parts]);
            switch (entry.EntryType)
            {
                case TarEntryType.Directory:
                    MakeDirectory(path);
                    break;
                case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                    MakeDirectory(System.IO.Path.GetDirectoryName(path)!);
                    using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = FileMode600 }))
                    {
                        entry.DataStream?.CopyTo(file);
                        if (file.Length != entry.Length)
                        {
                            throw new EndOfStreamException($"{entry.Name} ends early");
                        }
                    }

                    progress.Report(bytes += entry.Length);
                    break;
                case TarEntryType.GlobalExtendedAttributes:
                    break;
                default:
                    throw new CopyException($"not copied: {_shown} has {entry.Name}, which is neither a file nor a directory: archive the directory with what its links point to (tar -h)");
            }
        }
    }

    private static void MakeDirectory(string path) => Directory.CreateDirectory(path, FileMode600 | UnixFileMode.UserExecute);
}
