using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>
/// Our own record, <c>pocketgres.migrations</c>: checksums where a tool keeps none, and how far a migration is that cannot be one transaction. Where a
/// tool has a table, that decides what was applied; this one is the only record for plain files.
/// </summary>
internal sealed class MigrationJournal(NpgsqlConnection connection, string tool)
{
    private const string Table = "pocketgres.migrations";

    /// <summary>What is known of a migration.</summary>
    /// <param name="Checksum">Of the file that was applied.</param>
    /// <param name="Done">How many of its steps are done, when it is not finished.</param>
    /// <param name="Began">Whether the step after those was begun outside of a transaction, and may have been done.</param>
    /// <param name="IsFinished">Whether all of it is.</param>
    public sealed record Entry(string Checksum, int Done, bool Began, bool IsFinished);

    /// <summary>Makes the table if it is missing.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("CREATE SCHEMA IF NOT EXISTS pocketgres", cancellationToken);
        await connection.ExecuteAsync(
            $"""
            CREATE TABLE IF NOT EXISTS {Table} (
                tool text, name text, checksum text NOT NULL, steps_done integer NOT NULL DEFAULT 0, step_began boolean NOT NULL DEFAULT false,
                started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz, PRIMARY KEY (tool, name))
            """, cancellationToken);
    }

    /// <summary>All entries; none when the table is missing.</summary>
    public async Task<Dictionary<string, Entry>> ReadAsync(CancellationToken cancellationToken)
    {
        if (await connection.ValueAsync<string>($"SELECT to_regclass('{Table}')::text", cancellationToken) is null)
        {
            return [];
        }

        var rows = await connection.QueryAsync($"SELECT name, checksum, steps_done, step_began, finished_at IS NOT NULL FROM {Table} WHERE tool = $1", cancellationToken, tool);
        return rows.ToDictionary(r => (string)r[0]!, r => new Entry((string)r[1]!, (int)r[2]!, (bool)r[3]!, (bool)r[4]!), StringComparer.Ordinal);
    }

    /// <summary>Notes a migration as applied.</summary>
    public Task FinishAsync(Migration migration, CancellationToken cancellationToken) => WriteAsync(migration, 0, false, isFinished: true, cancellationToken);

    /// <summary>Notes how far it is.</summary>
    public Task WriteProgressAsync(Migration migration, int done, bool began, CancellationToken cancellationToken) =>
        WriteAsync(migration, done, began, isFinished: false, cancellationToken);

    /// <summary>Forgets what the tool's own table does not know any more, because it was reset.</summary>
    public Task ForgetAsync(string name, CancellationToken cancellationToken) =>
        connection.ExecuteAsync($"DELETE FROM {Table} WHERE tool = $1 AND name = $2", cancellationToken, tool, name);

    private Task<int> WriteAsync(Migration migration, int done, bool began, bool isFinished, CancellationToken cancellationToken) => connection.ExecuteAsync(
        $"""
        INSERT INTO {Table} AS m (tool, name, checksum, steps_done, step_began, finished_at) VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END)
        ON CONFLICT (tool, name) DO UPDATE SET checksum = excluded.checksum, steps_done = excluded.steps_done, step_began = excluded.step_began, finished_at = excluded.finished_at
        """, cancellationToken, tool, migration.Name, migration.Checksum, done, began, isFinished);
}
