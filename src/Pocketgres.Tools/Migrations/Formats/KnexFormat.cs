using System.Text;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations.Formats;

/// <summary>
/// Knex: programs <c>TIMESTAMP_name.js</c> or <c>.ts</c>, table <c>knex_migrations</c>. Those whose <c>up</c> is nothing but <c>raw()</c> with constant
/// text can be applied; for others Knex itself must run.
/// </summary>
internal sealed class KnexFormat : MigrationFormat
{
    public override string Tool => "knex";

    public override bool Matches(string directory) => Files(directory).Any(f => File.ReadAllText(f) is var text
        && text.Contains("knex", StringComparison.OrdinalIgnoreCase) && KnexProgram.HasUp(text));

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options) => [.. Files(directory).Select(Read)];

    public override string Table(string schema) => schema + ".knex_migrations";

    public override string CreateTable(string schema) =>
        $"""
        CREATE TABLE IF NOT EXISTS {Table(schema)} (id serial PRIMARY KEY, name varchar(255), batch integer, migration_time timestamptz);
        CREATE TABLE IF NOT EXISTS {Table(schema)}_lock ("index" serial PRIMARY KEY, is_locked integer);
        INSERT INTO {Table(schema)}_lock (is_locked) SELECT 0 WHERE NOT EXISTS (SELECT FROM {Table(schema)}_lock)
        """;

    public override async Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken) =>
        (await connection.QueryAsync($"SELECT DISTINCT name FROM {Table(schema)}", cancellationToken)).ToDictionary(r => (string)r[0]!, _ => (string?)null, StringComparer.Ordinal);

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(
            $"INSERT INTO {Table(schema)} (name, batch, migration_time) SELECT $1, coalesce(max(batch), 0) + 1, clock_timestamp() FROM {Table(schema)}", cancellationToken, migration.Key);

    private static Migration Read(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        string text = Encoding.UTF8.GetString(bytes), name = Path.GetFileName(file);
        if (KnexProgram.ReadUp(text) is not { } sql)
        {
            throw new MigrationException(MigrationError.NotRecognized,
                $"{file} is a program whose SQL only Knex can tell: run Knex itself, with \"pocketgres run URL -- npx knex migrate:latest\"");
        }

        return new Migration(name, name, file, sql)
        {
            Checksum = Migration.Hash(bytes),
            NoTransaction = text.Contains("transaction: false", StringComparison.Ordinal),
        };
    }

    private static IEnumerable<string> Files(string directory) => Directory.EnumerateFiles(directory)
        .Where(f => Path.GetExtension(f) is ".js" or ".cjs" or ".mjs" or ".ts" && !f.EndsWith(".d.ts", StringComparison.Ordinal) && char.IsAsciiDigit(Path.GetFileName(f)[0]))
        .Order(StringComparer.Ordinal);
}
