using Npgsql;
using Pocketgres.Copying;
using Pocketgres.Sql;

namespace Pocketgres.Transfer;

/// <summary>A dump into an empty database, by PostgreSQL's own pg_restore or psql. What fails or is cancelled leaves it empty.</summary>
/// <param name="dump">The dump.</param>
/// <param name="target">The database.</param>
/// <param name="step">Runs the programs.</param>
internal sealed class DatabaseRestore(DumpFile dump, TransferTarget target, ProgramStep step)
{
    /// <summary>Whether all that is in the database is removed first.</summary>
    public bool Replace { get; init; }

    /// <summary>Whether errors are passed over.</summary>
    public bool KeepGoing { get; init; }

    /// <summary>More options of the program.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Told what is being done.</summary>
    public IProgress<TransferProgress>? Progress { get; init; }

    /// <summary>Restores it.</summary>
    /// <returns>Whether there were no errors; false only with <see cref="KeepGoing"/>.</returns>
    /// <exception cref="CopyException">It was not restored; the message says why, and what is in the database.</exception>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(target.Connection);
        await connection.OpenAsync(cancellationToken);
        if (!Replace)
        {
            await TargetDatabase.RefuseUnlessEmptyAsync(connection, cancellationToken);
        }

        if (dump.Kind == DumpKind.ClusterScript)
        {
            await RestoreClusterAsync(connection, cancellationToken);
            return true;
        }

        // What is there is gone then: an archive that cannot be read to its end is found before.
        if (Replace && dump.Kind == DumpKind.Archive && await step.RunAsync("pg_restore", ["--file", "/dev/null", dump.Path], null, cancellationToken) != 0)
        {
            throw new CopyException($"{dump.Path} cannot be read, and nothing was changed: {step.Reason("pg_restore")}");
        }

        try
        {
            if (Replace)
            {
                await TargetDatabase.EmptyAsync(connection, cancellationToken);
            }

            await TargetDatabase.MarkAsync(connection, cancellationToken);
            int status = await RunProgramAsync(KeepGoing, cancellationToken);
            if (status != 0 && !KeepGoing)
            {
                await TargetDatabase.EmptyAsync(connection, CancellationToken.None);
                throw new CopyException(
                    $"not restored, and what had been restored was removed again: {step.Reason(Program)}; --keep-going passes over errors{(dump.Kind == DumpKind.Archive ? ", --no-owner and --no-privileges over roles that are missing" : "")}");
            }

            await connection.ExecuteAsync("ANALYZE", cancellationToken);
            await TargetDatabase.UnmarkAsync(connection, cancellationToken);
            return status == 0;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or OperationCanceledException)
        {
            await EmptyAgainAsync(e);
            throw;
        }
    }

    private string Program => dump.Kind == DumpKind.Archive ? "pg_restore" : "psql";

    // Its roles are there in part (the superuser), so that errors are part of it.
    private async Task RestoreClusterAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await connection.ValueAsync<string>("SELECT datname::text FROM pg_catalog.pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database()) LIMIT 1", cancellationToken) is { } other)
        {
            throw new CopyException($"the target has the database {other}, and {dump.Path} is a dump of a whole cluster: restore it into an empty one");
        }

        if (await RunProgramAsync(keepGoing: true, cancellationToken) != 0)
        {
            throw new CopyException($"not restored: {step.Reason(Program)}");
        }
    }

    private async Task<int> RunProgramAsync(bool keepGoing, CancellationToken cancellationToken)
    {
        await using var watch = TransferWatch.Start(target.Connection, Progress, () => 0);
        return dump.Kind == DumpKind.Archive
            ? await step.RunAsync(Program, [.. keepGoing ? (string[])[] : ["--exit-on-error"], .. Arguments, "--dbname", target.ConnectionInfo, dump.Path], target.Variables, cancellationToken)
            : await step.RunAsync(Program,
                [
                    "--no-psqlrc", "--quiet", "--output", "/dev/null", .. keepGoing ? (string[])[] : ["--set", "ON_ERROR_STOP=1"], .. Arguments, "--dbname", target.ConnectionInfo, "--file", dump.Path,
                ], target.Variables, cancellationToken);
    }

    // The connection may be gone with the server's process.
    private async Task EmptyAgainAsync(Exception reason)
    {
        try
        {
            await using var connection = new NpgsqlConnection(target.Connection);
            await connection.OpenAsync(CancellationToken.None);
            await TargetDatabase.EmptyAsync(connection, CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            throw new CopyException($"{reason.Message}; what had been restored is still in the target ({e.Message}): restore with --replace, or drop that database", e);
        }
    }
}
