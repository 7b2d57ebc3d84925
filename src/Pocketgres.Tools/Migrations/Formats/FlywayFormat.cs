using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations.Formats;

/// <summary>Flyway: <c>V1.2__name.sql</c> once, <c>R__name.sql</c> whenever changed, also in folders below; table <c>flyway_schema_history</c>.</summary>
internal sealed partial class FlywayFormat : MigrationFormat
{
    public override string Tool => "flyway";

    public override bool RefusesOutOfOrder => true;

    public override bool Matches(string directory) =>
        Directory.EnumerateFiles(directory, "*.sql", SearchOption.AllDirectories).Any(f => FileName().Match(Path.GetFileName(f)) is { Success: true } m && m.Groups["kind"].Value != "U");

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options)
    {
        var versioned = new List<(int[] Version, Migration Migration)>();
        var repeatable = new List<Migration>();
        foreach (string file in Directory.EnumerateFiles(directory, "*.sql", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            if (FileName().Match(Path.GetFileName(file)) is not { Success: true } match)
            {
                continue;
            }

            string version = match.Groups["version"].Value.Replace('_', '.');
            byte[] bytes = File.ReadAllBytes(file);
            string sql = Encoding.UTF8.GetString(bytes);
            var migration = new Migration(Path.GetRelativePath(directory, file), version, file, Replace(file, sql, options))
            {
                Checksum = Migration.Hash(bytes),
                ToolChecksum = Crc(sql).ToString(CultureInfo.InvariantCulture),
                NoTransaction = File.Exists(file + ".conf") && File.ReadAllText(file + ".conf").Replace(" ", "", StringComparison.Ordinal)
                    .Contains("executeInTransaction=false", StringComparison.OrdinalIgnoreCase),
            };
            switch (match.Groups["kind"].Value)
            {
                case "V":
                    versioned.Add((Parts(version), migration));
                    break;
                case "R":
                    repeatable.Add(migration with { Key = "R " + match.Groups["name"].Value.Replace('_', ' '), IsRepeatable = true });
                    break;
                case "B":
                    throw new MigrationException(MigrationError.NotRecognized, $"{file} is a baseline migration of Flyway, which is not supported: run Flyway itself, with {Run}");
            }
        }

        var ordered = versioned.OrderBy(v => v.Version, Comparer<int[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b))).Select(v => v.Migration).ToList();
        if (ordered.GroupBy(m => m.Key).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new MigrationException(MigrationError.BadFile, $"version {twice.Key} is there twice: {string.Join(" and ", twice.Select(m => m.Name))}; rename one");
        }

        return [.. ordered, .. repeatable.OrderBy(m => m.Key, StringComparer.Ordinal)];
    }

    public override IReadOnlyList<MigrationCallback> ReadCallbacks(string directory, MigrateOptions options)
    {
        var callbacks = new List<MigrationCallback>();
        foreach (string file in Directory.EnumerateFiles(directory, "*.sql", SearchOption.AllDirectories).OrderBy(f => Path.GetFileName(f), StringComparer.Ordinal))
        {
            if (CallbackName().Match(Path.GetFileName(file)) is not { Success: true } match)
            {
                continue;
            }

            CallbackMoment? moment = match.Groups["event"].Value switch
            {
                "beforeMigrate" => CallbackMoment.Before,
                "afterMigrateApplied" => CallbackMoment.AfterApplied,
                "afterMigrate" => CallbackMoment.After,
                "afterMigrateError" => null,
                _ => throw new MigrationException(MigrationError.NotRecognized, $"{file} is a callback of Flyway that is not supported: run Flyway itself, with {Run}"),
            };
            if (moment is { } when)
            {
                string name = Path.GetRelativePath(directory, file);
                var script = Migration.Whole(name, name, file);
                callbacks.Add(new MigrationCallback(when, script with { Sql = Replace(file, script.Sql, options) }));
            }
        }

        return callbacks;
    }

    public override string Table(string schema) => schema + ".flyway_schema_history";

    public override string CreateTable(string schema) =>
        $"""
        CREATE TABLE IF NOT EXISTS {Table(schema)} (
            installed_rank integer NOT NULL, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL,
            checksum integer, installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL,
            CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank));
        CREATE INDEX IF NOT EXISTS flyway_schema_history_s_idx ON {Table(schema)} (success)
        """;

    public override async Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            $"SELECT coalesce(version, 'R ' || description), checksum::text, success, type FROM {Table(schema)} WHERE type <> 'SCHEMA' ORDER BY installed_rank", cancellationToken);
        if (rows.Find(r => r[2] is false) is { } failed)
        {
            throw new MigrationException(MigrationError.History, $"Flyway has noted that {failed[0]} failed: put it right with \"flyway repair\", then run this again");
        }

        if (rows.Find(r => r[3] is not ("SQL" or "BASELINE")) is { } other)
        {
            throw new MigrationException(MigrationError.History, $"Flyway's history has {other[0]} of type {other[3]}, which only Flyway can go on from");
        }

        // What a baseline covers counts as applied.
        var applied = rows.GroupBy(r => (string)r[0]!).ToDictionary(g => g.Key, g => (string?)g.Last()[1], StringComparer.Ordinal);
        if (rows.FindLast(r => r[3] is "BASELINE") is [string baseline, ..])
        {
            applied.Remove(baseline);
            foreach (var m in migrations.Where(m => !m.IsRepeatable && Parts(m.Key).AsSpan().SequenceCompareTo(Parts(baseline)) <= 0))
            {
                applied.TryAdd(m.Key, null);
            }
        }

        return applied;
    }

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken)
    {
        string description = FileName().Match(Path.GetFileName(migration.File)).Groups["name"].Value.Replace('_', ' ');
        return connection.ExecuteAsync(
            $"""
            INSERT INTO {Table(schema)} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
            SELECT coalesce(max(installed_rank), 0) + 1, $1, $2, 'SQL', $3, $4, current_user, $5, true FROM {Table(schema)}
            """,
            cancellationToken, migration.IsRepeatable ? (object)DBNull.Value : migration.Key, description, migration.Name,
            int.Parse(migration.ToolChecksum!, CultureInfo.InvariantCulture), (int)duration.TotalMilliseconds);
    }

    // CRC-32 (IEEE 802.3, reflected) over the lines without their ends, as a signed number.
    private static int Crc(string text)
    {
        uint crc = uint.MaxValue;
        using var reader = new StringReader(text.TrimStart('\uFEFF'));
        while (reader.ReadLine() is { } line)
        {
            foreach (byte b in Encoding.UTF8.GetBytes(line))
            {
                crc ^= b;
                for (int bit = 0; bit < 8; bit++)
                {
                    crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
                }
            }
        }

        return (int)~crc;
    }

    private static int[] Parts(string version)
    {
        var parts = version.Split('.').Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : int.MaxValue).ToList();
        while (parts is [.., 0])
        {
            parts.RemoveAt(parts.Count - 1);
        }

        return [.. parts];
    }

    private static string Replace(string file, string sql, MigrateOptions options) => Placeholder().Replace(sql, m =>
        options.Placeholders.TryGetValue(m.Groups[1].Value, out string? value) ? value
            : throw new MigrationException(MigrationError.BadFile, $"{file} has the placeholder {m.Value}: give its value with --set {m.Groups[1].Value}=..."));

    private const string Run = "\"pocketgres run URL -- flyway migrate\"";

    [GeneratedRegex(@"^(?<kind>[VUBR])(?<version>[0-9][0-9._]*)?__(?<name>.+)\.sql$")]
    private static partial Regex FileName();

    // Those of "flyway migrate"; other commands have callbacks of their own.
    [GeneratedRegex(@"^(?<event>(?:before|after)(?:Each)?(?:Migrate|Connect|Versioned|Repeatables)\w*?|createSchema)(?:__.*)?\.sql$")]
    private static partial Regex CallbackName();

    [GeneratedRegex(@"\$\{([^}\s]+)\}")]
    private static partial Regex Placeholder();
}
