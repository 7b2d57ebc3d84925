using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations.Formats;

/// <summary>Prisma: <c>TIMESTAMP_name/migration.sql</c>, table <c>_prisma_migrations</c>.</summary>
internal sealed class PrismaFormat : MigrationFormat
{
    private const string Script = "migration.sql";

    public override string Tool => "prisma";

    public override bool Matches(string directory) =>
        Directory.EnumerateDirectories(directory).Any(d => File.Exists(Path.Combine(d, Script)) && !File.Exists(Path.Combine(d, "snapshot.json")));

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options) =>
    [
        .. Directory.EnumerateDirectories(directory)
            .Where(d => File.Exists(Path.Combine(d, Script)))
            .OrderBy(d => Path.GetFileName(d), StringComparer.Ordinal)
            .Select(d =>
            {
                var migration = Migration.Whole(Path.GetFileName(d), Path.GetFileName(d), Path.Combine(d, Script));
                return migration with { ToolChecksum = migration.Checksum };
            }),
    ];

    public override string Table(string schema) => schema + "._prisma_migrations";

    public override string CreateTable(string schema) =>
        $"""
        CREATE TABLE IF NOT EXISTS {Table(schema)} (
            id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text,
            rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)
        """;

    public override async Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            $"SELECT migration_name, checksum, finished_at IS NULL FROM {Table(schema)} WHERE rolled_back_at IS NULL ORDER BY started_at", cancellationToken);
        if (rows.Find(r => r[2] is true) is { } failed)
        {
            throw new MigrationException(MigrationError.History,
                $"Prisma has noted that the migration {failed[0]} failed: put it right with \"prisma migrate resolve\", then run this again");
        }

        return rows.GroupBy(r => (string)r[0]!).ToDictionary(g => g.Key, g => (string?)g.Last()[1], StringComparer.Ordinal);
    }

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(
            $"INSERT INTO {Table(schema)} (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES ($1, $2, $3, clock_timestamp() - $4, clock_timestamp(), 1)",
            cancellationToken, Guid.NewGuid().ToString(), migration.Checksum, migration.Key, duration);
}
