using System.Globalization;
using System.Text.Json;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations.Formats;

/// <summary>Drizzle: <c>meta/_journal.json</c> and <c>TAG.sql</c>, table <c>drizzle.__drizzle_migrations</c>.</summary>
internal sealed class DrizzleFormat : MigrationFormat
{
    public override string Tool => "drizzle";

    public override bool Matches(string directory) => File.Exists(Journal(directory));

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options)
    {
        try
        {
            using var journal = JsonDocument.Parse(File.ReadAllBytes(Journal(directory)));
            if (journal.RootElement.TryGetProperty("dialect", out var dialect) && dialect.GetString() is { } name && name is not ("postgresql" or "pg"))
            {
                throw new MigrationException(MigrationError.NotRecognized, $"{directory} has Drizzle's migrations for {name}, not for PostgreSQL");
            }

            return
            [
                .. journal.RootElement.GetProperty("entries").EnumerateArray()
                    .Select(e => (When: e.GetProperty("when").GetInt64(), Tag: e.GetProperty("tag").GetString()!))
                    .Select(e =>
                    {
                        var migration = Migration.Whole(e.Tag, e.When.ToString(CultureInfo.InvariantCulture), Path.Combine(directory, e.Tag + ".sql"));
                        return migration with { ToolChecksum = migration.Checksum };
                    }),
            ];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new MigrationException(MigrationError.BadFile, $"{Journal(directory)} cannot be read: {e.Message}", e);
        }
    }

    public override string Table(string schema) => "drizzle.__drizzle_migrations";

    public override string CreateTable(string schema) =>
        $"CREATE SCHEMA IF NOT EXISTS drizzle; CREATE TABLE IF NOT EXISTS {Table(schema)} (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)";

    public override async Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken) =>
        (await connection.QueryAsync($"SELECT created_at::text, hash FROM {Table(schema)} WHERE created_at IS NOT NULL ORDER BY id", cancellationToken))
            .GroupBy(r => (string)r[0]!).ToDictionary(g => g.Key, g => (string?)g.Last()[1], StringComparer.Ordinal);

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken) =>
        connection.ExecuteAsync($"INSERT INTO {Table(schema)} (hash, created_at) VALUES ($1, $2)", cancellationToken,
            migration.Checksum, long.Parse(migration.Key, CultureInfo.InvariantCulture));

    private static string Journal(string directory) => Path.Combine(directory, "meta", "_journal.json");
}
