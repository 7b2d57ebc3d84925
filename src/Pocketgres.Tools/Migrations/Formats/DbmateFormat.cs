using System.Text.RegularExpressions;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations.Formats;

/// <summary>dbmate: <c>VERSION_name.sql</c> with sections <c>-- migrate:up</c> and <c>-- migrate:down</c>, table <c>schema_migrations</c>.</summary>
internal sealed partial class DbmateFormat : SectionedFormat
{
    public override string Tool => "dbmate";

    protected override Regex Up => UpLine();

    protected override Regex Down => DownLine();

    public override string Table(string schema) => schema + ".schema_migrations";

    public override string CreateTable(string schema) => $"CREATE TABLE IF NOT EXISTS {Table(schema)} (version varchar(128) PRIMARY KEY)";

    public override async Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken) =>
        (await connection.QueryAsync($"SELECT version::text FROM {Table(schema)}", cancellationToken)).ToDictionary(r => (string)r[0]!, _ => (string?)null, StringComparer.Ordinal);

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken) =>
        connection.ExecuteAsync($"INSERT INTO {Table(schema)} (version) VALUES ($1)", cancellationToken, migration.Key);

    protected override string KeyOf(string fileName) => LeadingDigits().Match(fileName) is { Success: true } m ? m.Value : fileName;

    protected override bool HasNoTransaction(string text, string upOptions) => upOptions.Contains("transaction:false", StringComparison.Ordinal);

    [GeneratedRegex(@"^[ \t]*--[ \t]*migrate:up(?<options>[^\n]*)", RegexOptions.Multiline)]
    private static partial Regex UpLine();

    [GeneratedRegex(@"^[ \t]*--[ \t]*migrate:down", RegexOptions.Multiline)]
    private static partial Regex DownLine();

    [GeneratedRegex(@"^\d+")]
    private static partial Regex LeadingDigits();
}
