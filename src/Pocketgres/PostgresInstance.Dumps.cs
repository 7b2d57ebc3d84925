using Pocketgres.Copying;
using Pocketgres.Transfer;

namespace Pocketgres;

/// <content>Dumps and their restoring.</content>
public sealed partial class PostgresInstance
{
    /// <summary>
    /// Dumps this database with PostgreSQL's own pg_dump, which runs in this process. The file appears when it is whole, in the place of an older dump.
    /// </summary>
    /// <param name="path">Where to: <c>.dump</c> and <c>.tar</c> choose the formats custom and tar, a slash at the end a directory (new or empty), anything else SQL.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told how far it is, a few times a second.</param>
    /// <param name="cancellationToken">Cancels; nothing is left.</param>
    /// <exception cref="DumpException">No dump can be made under that name.</exception>
    /// <exception cref="CopyException">pg_dump has failed; the message says why.</exception>
    /// <exception cref="PocketgresException">The server cannot be reached.</exception>
    public Task DumpAsync(string path, DumpOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ThrowUnlessRunning();
        IReadOnlyList<string> arguments = options?.Arguments ?? [];
        string? format = DatabaseDump.HasFormat(arguments) ? null : DatabaseDump.FormatOf(path);
        return Translated(
            async () =>
            {
                using var output = DumpOutput.Create(path, format == "directory" || DatabaseDump.IsDirectoryFormat(arguments));
                using var log = new ProgramLog();
                await DatabaseDump.RunAsync(ForPrograms, output, format is null ? arguments : [.. arguments, "--format", format], new ProgramStep(log), progress, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken);
    }

    /// <summary>
    /// Restores a dump into this database, which must be empty, with PostgreSQL's own pg_restore (archives) or psql (scripts of pg_dump, pg_dumpall, and others), which run in this process.
    /// </summary>
    /// <param name="path">The dump.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told what is being done, a few times a second.</param>
    /// <param name="cancellationToken">Cancels; the database is empty again.</param>
    /// <returns>Whether there were no errors; false only with <see cref="RestoreOptions.KeepGoing"/>.</returns>
    /// <exception cref="DumpException">The file is missing, no dump, or cut off.</exception>
    /// <exception cref="CopyException">It was not restored; the message says why, and what is in the database.</exception>
    /// <exception cref="PocketgresException">The server cannot be reached.</exception>
    public Task<bool> RestoreAsync(string path, RestoreOptions? options = null, IProgress<TransferProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ThrowUnlessRunning();
        options ??= new RestoreOptions();
        return Translated(
            async () =>
            {
                var dump = DumpFile.Inspect(path == "-" ? "./-" : path); // standard input is the application's
                using var log = new ProgramLog();
                var restore = new DatabaseRestore(dump, ForPrograms, new ProgramStep(log))
                {
                    Replace = options.Replace, KeepGoing = options.KeepGoing, Arguments = options.Arguments, Progress = progress,
                };
                return await restore.RunAsync(cancellationToken).ConfigureAwait(false);
            },
            cancellationToken);
    }

    // The application's own variables would contradict the URL.
    private TransferTarget ForPrograms => new(DedicatedConnectionString, _backend.ConnectionUrl, new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["PGHOST"] = null,
        ["PGHOSTADDR"] = null,
        ["PGPORT"] = null,
        ["PGUSER"] = null,
        ["PGDATABASE"] = null,
        ["PGPASSWORD"] = _backend.Connection.Password,
        ["PGPASSFILE"] = _backend.Connection.Passfile,
        ["PGSERVICE"] = null,
        ["PGOPTIONS"] = null,
        ["PGSSLMODE"] = "prefer",
    });
}
