using System.CommandLine;
using Npgsql;
using Pocketgres.Cli.Programs;
using Pocketgres.Cli.Targets;
using Pocketgres.Copying;
using Pocketgres.Sql;

namespace Pocketgres.Cli.Transfer;

/// <summary><c>restore FILE [URL]</c>: a dump into an empty database, by PostgreSQL's pg_restore or psql.</summary>
internal sealed class RestoreCommand : ISubcommand
{
    public const string Name = "restore";

    // The options are here for the help; the words are not parsed by it.
    public RestoreCommand() => Command = new Command(Name,
        "Restore a dump into an empty database: archives with PostgreSQL's own pg_restore, scripts with its psql, whose options are taken too:\n" +
        "pocketgres restore FILE [URL] [options]\n" +
        "FILE is what pg_dump or pg_dumpall made; - is a script on standard input. The URL is postgres://..., file:DIR (made if missing, served meanwhile) or memory: (to try\n" +
        "whether it can be restored); by default the variable DATABASE_URL, else file:, the user's data folder. The first error ends it and leaves the database empty.\n" +
        "Exit codes: 0 restored; 1 not restored; 2 to 5 as with serve; 130, 143 interrupted and emptied.")
    {
        new Option<string?>("--database") { HelpName = "NAME", Description = "The database, created if missing (default postgres, or the one of the postgres:// URL)." },
        new Option<bool>("--replace") { Description = "Remove all that is in the database first." },
        new Option<bool>("--keep-going") { Description = "Pass over errors, as pg_restore and psql do, and keep what came." },
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        var words = TransferWords.Read(tail!);
        if (words.Rest is not [var path, ..] || (path.StartsWith('-') && path != "-"))
        {
            throw new UsageException($"write the dump first, then other options: \"{Program.Name} {Name} FILE [URL] [options]\"");
        }

        if (words.Output is not null)
        {
            throw new UsageException($"-f and -o are not taken: the dump is the first word; to make a script of an archive use {Program.Name} pg_restore");
        }

        string[] rest = [.. words.Rest.Skip(1)];
        if (rest.FirstOrDefault(w => w is "-C" or "--create") is { } create)
        {
            throw new UsageException($"{create} is not taken: --database NAME says which database, and creates it");
        }

        var dump = DumpFile.Inspect(path);
        if (dump.Kind == DumpKind.ClusterScript && (words.Replace || words.Database is not null))
        {
            throw new UsageException($"{path} is a dump of a whole cluster: it is restored into an empty one, without --replace and --database");
        }

        return CommandFailure.Guard(cancellationToken => RunAsync(dump, words with { Rest = rest }, cancellationToken));
    }

    private static async Task<int> RunAsync(DumpFile dump, TransferWords words, CancellationToken cancellationToken)
    {
        await using var target = await DatabaseTarget.OpenAsync(words.Request(mustExist: false), cancellationToken);
        await using var connection = new NpgsqlConnection(target.DedicatedConnectionString);
        await connection.OpenAsync(cancellationToken);
        if (!words.Replace)
        {
            await TargetDatabase.RefuseUnlessEmptyAsync(connection, cancellationToken);
        }

        if (dump.Kind == DumpKind.ClusterScript)
        {
            return await RestoreClusterAsync(dump, words, target, connection, cancellationToken);
        }

        // What is there is gone then: an archive that cannot be read to its end is found before.
        if (words.Replace && dump.Kind == DumpKind.Archive && await ProgramRun.RunAsync("pg_restore", ["--file", "/dev/null", dump.Path], null, cancellationToken) != 0)
        {
            return Program.Fail($"{dump.Path} cannot be read, and nothing was changed: pg_restore says above why", ExitCode.Failed);
        }

        try
        {
            if (words.Replace)
            {
                await TargetDatabase.EmptyAsync(connection, cancellationToken);
            }

            await TargetDatabase.MarkAsync(connection, cancellationToken);
            int status = await RunProgramAsync(dump, words, target, cancellationToken);
            if (status != 0 && !words.KeepGoing)
            {
                await TargetDatabase.EmptyAsync(connection, CancellationToken.None);
                return Program.Fail(
                    $"not restored, and what had been restored was removed again: the lines above say why; --keep-going passes over errors{(dump.Kind == DumpKind.Archive ? ", --no-owner and --no-privileges over roles that are missing" : "")}",
                    ExitCode.Failed);
            }

            await connection.ExecuteAsync("ANALYZE", cancellationToken);
            await TargetDatabase.UnmarkAsync(connection, cancellationToken);
            return status == 0 ? ExitCode.Success : ExitCode.Failed;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or OperationCanceledException)
        {
            await EmptyAgainAsync(target, e);
            throw;
        }
    }

    // Its roles are there in part (the superuser), so that errors are part of it.
    private static async Task<int> RestoreClusterAsync(DumpFile dump, TransferWords words, DatabaseTarget target, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await connection.ValueAsync<string>("SELECT datname::text FROM pg_catalog.pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database()) LIMIT 1", cancellationToken) is { } other)
        {
            throw new CopyException($"the target has the database {other}, and {dump.Path} is a dump of a whole cluster: restore it into an empty one");
        }

        int status = await RunProgramAsync(dump, words with { KeepGoing = true }, target, cancellationToken);
        return status == 0 ? ExitCode.Success : Program.Fail("not restored: psql says above why", ExitCode.Failed);
    }

    private static async Task<int> RunProgramAsync(DumpFile dump, TransferWords words, DatabaseTarget target, CancellationToken cancellationToken)
    {
        var variables = target.IsEmbedded ? target.Environment : null;
        await using var activity = TransferActivity.Start(target, () => "restoring");
        return dump.Kind == DumpKind.Archive
            ? await ProgramRun.RunAsync("pg_restore",
                [.. words.KeepGoing ? (string[])[] : ["--exit-on-error"], .. words.Rest, "--dbname", target.ConnectionInfo, dump.Path], variables, cancellationToken)
            : await ProgramRun.RunAsync("psql",
                [
                    "--no-psqlrc", "--quiet", "--output", "/dev/null", .. words.KeepGoing ? (string[])[] : ["--set", "ON_ERROR_STOP=1"], .. words.Rest, "--dbname", target.ConnectionInfo, "--file", dump.Path,
                ], variables, cancellationToken);
    }

    // The connection may be gone with the server's process.
    private static async Task EmptyAgainAsync(DatabaseTarget target, Exception reason)
    {
        try
        {
            await using var connection = new NpgsqlConnection(target.DedicatedConnectionString);
            await connection.OpenAsync(CancellationToken.None);
            await TargetDatabase.EmptyAsync(connection, CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            throw new CopyException($"{reason.Message}; what had been restored is still in the target ({e.Message}): restore with --replace, or drop that database", e);
        }
    }
}
