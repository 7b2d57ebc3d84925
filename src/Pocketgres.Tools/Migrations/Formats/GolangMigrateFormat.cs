using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations.Formats;

/// <summary>golang-migrate: <c>VERSION_name.up.sql</c>, table <c>schema_migrations</c> with one row, the version that was reached.</summary>
internal sealed partial class GolangMigrateFormat : MigrationFormat
{
    public override string Tool => "golang-migrate";

    public override bool RefusesOutOfOrder => true;

    public override bool Matches(string directory) => SqlFiles(directory).Any(f => FileName().IsMatch(Path.GetFileName(f)));

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options) =>
    [
        .. SqlFiles(directory).Select(f => (File: f, Match: FileName().Match(Path.GetFileName(f)))).Where(f => f.Match.Success)
            .Select(f => (f.File, Version: long.Parse(f.Match.Groups[1].Value, CultureInfo.InvariantCulture)))
            .OrderBy(f => f.Version)
            .Select(f => Migration.Whole(Path.GetFileName(f.File), f.Version.ToString(CultureInfo.InvariantCulture), f.File)),
    ];

    public override string Table(string schema) => schema + ".schema_migrations";

    public override string CreateTable(string schema) => $"CREATE TABLE IF NOT EXISTS {Table(schema)} (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)";

    public override async Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync($"SELECT version, dirty FROM {Table(schema)} LIMIT 1", cancellationToken);
        if (rows is not [[long version, bool dirty]])
        {
            return [];
        }

        return !dirty
            ? migrations.Where(m => long.Parse(m.Key, CultureInfo.InvariantCulture) <= version).ToDictionary(m => m.Key, _ => (string?)null, StringComparer.Ordinal)
            : throw new MigrationException(MigrationError.History, $"version {version} is marked as dirty: put it right with \"migrate force\", then run this again");
    }

    public override async Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync($"DELETE FROM {Table(schema)}", cancellationToken);
        await connection.ExecuteAsync($"INSERT INTO {Table(schema)} (version, dirty) VALUES ($1, false)", cancellationToken, long.Parse(migration.Key, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"^(\d+)_.*\.up\.sql$")]
    private static partial Regex FileName();
}
