using System.Diagnostics;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>
/// Applies a folder's pending migrations over one connection. Each is one transaction together with its record, or steps whose number is recorded with each:
/// whoever is killed in between goes on where it was. An advisory lock lets one at a time.
/// </summary>
internal sealed class MigrationRunner
{
    private readonly NpgsqlConnection _connection;
    private readonly MigrationFolder _folder;
    private readonly MigrateOptions _options;
    private readonly IProgress<MigrationProgress>? _progress;
    private readonly MigrationJournal _journal;
    private string _schema = "public";

    private MigrationRunner(NpgsqlConnection connection, MigrationFolder folder, MigrateOptions options, IProgress<MigrationProgress>? progress)
    {
        _connection = connection;
        _folder = folder;
        _options = options;
        _progress = progress;
        _journal = new MigrationJournal(connection, folder.Format.Tool);
    }

    /// <summary>Applies what is pending.</summary>
    /// <param name="connection">Open, and nobody else's meanwhile.</param>
    /// <param name="path">The folder.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told of each migration that begins; null for nobody.</param>
    /// <param name="cancellationToken">Cancels: the migration that runs is rolled back.</param>
    /// <exception cref="MigrationException">It cannot be done.</exception>
    public static async Task<MigrationReport> RunAsync(
        NpgsqlConnection connection, string path, MigrateOptions options, IProgress<MigrationProgress>? progress, CancellationToken cancellationToken)
    {
        var runner = new MigrationRunner(connection, MigrationFolder.Open(path, options), options, progress);
        const string Key = "pg_catalog.hashtextextended('pocketgres.migrations', 0)";
        await connection.ExecuteAsync($"SELECT pg_catalog.pg_advisory_lock({Key})", cancellationToken);
        try
        {
            return await runner.RunAsync(cancellationToken);
        }
        finally
        {
            if (connection.State == System.Data.ConnectionState.Open)
            {
                await connection.ExecuteAsync($"SELECT pg_catalog.pg_advisory_unlock({Key})", CancellationToken.None);
            }
        }
    }

    private async Task<MigrationReport> RunAsync(CancellationToken cancellationToken)
    {
        var format = _folder.Format;
        _schema = SqlCalls.Identifier(await _connection.ValueAsync<string>("SELECT current_schema()::text", cancellationToken) ?? "public");
        bool hasTable = format.HasTable && await _connection.ValueAsync<string>("SELECT to_regclass($1)::text", cancellationToken, format.Table(_schema)) is not null;
        var journal = await _journal.ReadAsync(cancellationToken);
        var applied = hasTable ? await ReadToolAsync(cancellationToken) : [];
        var pending = new List<Migration>();
        foreach (var migration in _folder.Migrations)
        {
            if (!IsApplied(migration, journal, applied))
            {
                pending.Add(migration);
            }
        }

        CheckOrder(pending);
        var callbacks = _folder.Callbacks.Select(c => (c.Moment, Migration: c.Script, Statements: MigrationFolder.Split(c.Script))).ToList();
        var scripts = pending.ConvertAll(m => (Migration: m, Steps: MigrationSteps.Of(m, MigrationFolder.Split(m))));
        var extensions = new ExtensionNeeds(_connection, _folder.Directory);
        await extensions.CheckAsync(
            [.. scripts.SelectMany(s => s.Steps.SelectMany(p => p.Statements.Select(t => (s.Migration, t)))), .. callbacks.SelectMany(c => c.Statements.Select(t => (c.Migration, t)))], cancellationToken);
        var missing = journal.Keys.Except([.. _folder.Migrations.Select(m => m.Name), .. callbacks.Select(c => c.Migration.Name)], StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var report = new MigrationReport(format.Tool, pending.ConvertAll(m => m.Name), _folder.Migrations.Count - pending.Count, missing);
        if (_options.DryRun)
        {
            return report;
        }

        bool isAnyApplied = pending.Count > 0 || callbacks.Any(c => c.Moment == CallbackMoment.AfterApplied && journal.GetValueOrDefault(c.Migration.Name) is { IsFinished: false });
        await PrepareAsync(journal, applied, isAnyApplied, cancellationToken);
        await CallAsync(CallbackMoment.Before);
        for (int i = 0; i < scripts.Count; i++)
        {
            var (migration, steps) = scripts[i];
            _progress?.Report(new MigrationProgress(migration.Name, i + 1, scripts.Count));
            try
            {
                await ApplyAsync(migration, steps, journal.GetValueOrDefault(migration.Name), cancellationToken);
            }
            catch (StatementException e)
            {
                throw await extensions.ExplainAsync(migration, e, cancellationToken);
            }
        }

        if (isAnyApplied)
        {
            await CallAsync(CallbackMoment.AfterApplied);
        }

        await CallAsync(CallbackMoment.After);
        return report;

        async Task CallAsync(CallbackMoment moment)
        {
            foreach (var (_, script, statements) in callbacks.Where(c => c.Moment == moment))
            {
                try
                {
                    await RunTransactionAsync(new MigrationStep(statements, IsTransaction: true), () => _journal.FinishAsync(script, cancellationToken), cancellationToken);
                }
                catch (StatementException e)
                {
                    throw await extensions.ExplainAsync(script, e, cancellationToken);
                }
            }
        }
    }

    private async Task<Dictionary<string, string?>> ReadToolAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _folder.Format.ReadAppliedAsync(_connection, _schema, _folder.Migrations, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedColumn)
        {
            throw new MigrationException(MigrationError.History,
                $"the table {_folder.Format.Table(_schema)} is another tool's, not {_folder.Format.Tool}'s ({e.MessageText}): use an empty database", e);
        }
    }

    private bool IsApplied(Migration migration, Dictionary<string, MigrationJournal.Entry> journal, Dictionary<string, string?> applied)
    {
        journal.TryGetValue(migration.Name, out var entry);
        bool isInTool = applied.TryGetValue(migration.Key, out string? toolChecksum);
        bool isApplied = _folder.Format.HasTable ? isInTool : entry is { IsFinished: true };
        bool isChanged = isApplied
            ? toolChecksum is not null && migration.ToolChecksum is not null ? toolChecksum != migration.ToolChecksum : entry is { IsFinished: true } && entry.Checksum != migration.Checksum
            : entry is { IsFinished: false } && entry.Checksum != migration.Checksum;
        if (isChanged && migration.IsRepeatable)
        {
            return false;
        }

        return !isChanged ? isApplied : throw new MigrationException(MigrationError.Changed,
            $"{migration.File} has changed since it was {(isApplied ? "applied" : "begun")}: restore the file, and make the change in a new migration");
    }

    private void CheckOrder(List<Migration> pending)
    {
        if (!_folder.Format.RefusesOutOfOrder || pending.Find(m => !m.IsRepeatable) is not { } first)
        {
            return;
        }

        var order = _folder.Migrations.Where(m => !m.IsRepeatable).ToList();
        if (order.Skip(order.IndexOf(first)).FirstOrDefault(m => !pending.Contains(m)) is { } later)
        {
            throw new MigrationException(MigrationError.History,
                $"{first.Name} comes before {later.Name}, which is applied already, and {_folder.Format.Tool} would refuse or skip it: give it a later version");
        }
    }

    // The tool's table and ours agree afterwards: what only the tool knows is taken over, what it was made to forget is forgotten.
    private async Task PrepareAsync(
        Dictionary<string, MigrationJournal.Entry> journal, Dictionary<string, string?> applied, bool isAnyApplied, CancellationToken cancellationToken)
    {
        await using var transaction = await _connection.BeginTransactionAsync(cancellationToken);
        await _journal.CreateAsync(cancellationToken);
        foreach (var statement in SqlScript.Split(_folder.Format.CreateTable(_schema)))
        {
            await _connection.ExecuteAsync(statement.Text, cancellationToken);
        }

        if (_folder.Format.HasTable)
        {
            foreach (var migration in _folder.Migrations)
            {
                bool isFinished = journal.GetValueOrDefault(migration.Name) is { IsFinished: true };
                if (applied.ContainsKey(migration.Key) && !isFinished)
                {
                    await _journal.FinishAsync(migration, cancellationToken);
                }
                else if (!applied.ContainsKey(migration.Key) && isFinished)
                {
                    await _journal.ForgetAsync(migration.Name, cancellationToken);
                    journal.Remove(migration.Name);
                }
            }
        }

        // Whoever comes after a kill has them to run, although no migration is left.
        foreach (var callback in _folder.Callbacks.Where(c => isAnyApplied && c.Moment == CallbackMoment.AfterApplied))
        {
            await _journal.WriteProgressAsync(callback.Script, 0, began: false, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private async Task ApplyAsync(Migration migration, IReadOnlyList<MigrationStep> steps, MigrationJournal.Entry? entry, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        bool isResumed = entry is { IsFinished: false };
        int done = isResumed ? entry!.Done : 0;
        for (int i = done; i < steps.Count; i++)
        {
            if (!steps[i].IsTransaction)
            {
                bool mayBeDone = isResumed && i == done && entry!.Began;
                await _journal.WriteProgressAsync(migration, i, began: true, cancellationToken);
                await LoneStatement.RunAsync(_connection, steps[i].Statements[0], mayBeDone, cancellationToken);
                await ResetAsync(cancellationToken);
                await _journal.WriteProgressAsync(migration, i + 1, began: false, cancellationToken);
            }
            else if (i == steps.Count - 1)
            {
                await RunTransactionAsync(steps[i], () => FinishAsync(migration, started, cancellationToken), cancellationToken);
                return;
            }
            else
            {
                int next = i + 1;
                await RunTransactionAsync(steps[i], () => _journal.WriteProgressAsync(migration, next, began: false, cancellationToken), cancellationToken);
            }
        }

        await using var last = await _connection.BeginTransactionAsync(cancellationToken);
        await FinishAsync(migration, started, cancellationToken);
        await last.CommitAsync(cancellationToken);
    }

    private async Task FinishAsync(Migration migration, long started, CancellationToken cancellationToken)
    {
        await _folder.Format.RecordAsync(_connection, _schema, migration, Stopwatch.GetElapsedTime(started), cancellationToken);
        await _journal.FinishAsync(migration, cancellationToken);
    }

    private async Task RunTransactionAsync(MigrationStep step, Func<Task> record, CancellationToken cancellationToken)
    {
        await using (var transaction = await _connection.BeginTransactionAsync(cancellationToken))
        {
            if (step.IsRolledBack)
            {
                await _connection.ExecuteAsync("SAVEPOINT pocketgres_step", cancellationToken);
            }

            foreach (var statement in step.Statements)
            {
                await StatementException.RunAsync(_connection, statement, cancellationToken);
            }

            if (step.IsRolledBack)
            {
                await _connection.ExecuteAsync("ROLLBACK TO SAVEPOINT pocketgres_step", cancellationToken);
            }

            await ResetAsync(cancellationToken);
            await record();
            try
            {
                await transaction.CommitAsync(cancellationToken);
            }
            catch (PostgresException e) when (step.Statements is [.., var last])
            {
                // Constraints that were deferred.
                throw new StatementException(last, e);
            }
        }
    }

    // Dumps set search_path and others for their session; the next migration begins as in a session of its own.
    private async Task ResetAsync(CancellationToken cancellationToken)
    {
        await _connection.ExecuteAsync("RESET SESSION AUTHORIZATION", cancellationToken);
        await _connection.ExecuteAsync("RESET ALL", cancellationToken);
    }
}
