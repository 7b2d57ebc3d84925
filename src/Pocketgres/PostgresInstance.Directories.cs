using Pocketgres.Backends;
using Pocketgres.Copying;
using Pocketgres.Directories;
using Pocketgres.Engine.Data;

namespace Pocketgres;

/// <content>Data directories of other servers.</content>
public sealed partial class PostgresInstance
{
    /// <summary>
    /// Writes the whole cluster of this instance as of now for another server: a data directory for a native PostgreSQL 18, or an archive for PGlite. It appears when it is whole. The instance may go on
    /// meanwhile, or be stopped; a <c>file:</c> directory is noted as copied (pocketgres.copied). Not for <c>postgres:</c>.
    /// </summary>
    /// <param name="path">A new or empty directory; for PGlite a file (.tgz), which is replaced.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told how far it is, on the thread that does it.</param>
    /// <param name="cancellationToken">Cancels; nothing is left.</param>
    /// <returns>Lines about what the copy has otherwise, and what is to be done there.</returns>
    /// <exception cref="CopyException">It cannot be copied; the message says why and what to do.</exception>
    /// <exception cref="PocketgresException">The directory cannot be used, or the state cannot be taken.</exception>
    public async Task<IReadOnlyList<string>> ExportAsync(string path, ExportOptions? options = null, IProgress<DirectoryProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        using var state = TemporaryDirectory.Beside(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
        await SaveAsync(state.Path, cancellationToken).ConfigureAwait(false);
        var move = new MoveOptions { Kind = options?.Format == ExportFormat.PGlite ? MoveKind.ToPGlite : MoveKind.ToNative, IsSnapshot = true, Logger = _logger, Progress = progress };
        return await Translated(
            () =>
            {
                var notes = DirectoryMove.Run(state.Path, path, move, cancellationToken);
                string? failure = _backend.DataDirectory is { } directory ? CopyNote.Add(directory, CopyNote.AllDatabases, Path.GetFullPath(path)) : null;
                return Task.FromResult(failure is null ? notes : [.. notes, failure]);
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Makes a directory for <c>file:</c> from that of a stopped native PostgreSQL 18, a backup of pg_basebackup, or PGlite of PostgreSQL 18 (a directory, or what dumpDataDir made), which is only read. It
    /// appears when it is whole.
    /// </summary>
    /// <param name="from">The directory, or a tar archive of one (.tar, .tar.gz).</param>
    /// <param name="directory">A new or empty directory.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told how far it is, on the thread that does it.</param>
    /// <param name="cancellationToken">Cancels; nothing is left.</param>
    /// <returns>Lines about what the copy has otherwise.</returns>
    /// <exception cref="CopyException">It cannot be copied; the message says why and what to do.</exception>
    /// <exception cref="PocketgresException">A directory cannot be used.</exception>
    public static Task<IReadOnlyList<string>> ImportAsync(
        string from, string directory, ImportOptions? options = null, IProgress<DirectoryProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(from);
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        options ??= new ImportOptions();
        var move = new MoveOptions { Kind = MoveKind.Import, Reindex = options.Reindex, IsTrial = options.DryRun, User = options.User, Configuration = options.ConfigurationDirectory, Progress = progress };
        return Translated(() => Task.FromResult(DirectoryMove.Run(from, directory, move, cancellationToken)), cancellationToken);
    }
}
