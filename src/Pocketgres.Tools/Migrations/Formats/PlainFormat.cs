using Npgsql;

namespace Pocketgres.Migrations.Formats;

/// <summary>Any folder of <c>*.sql</c>, or of folders with an <c>up.sql</c> each; by name. It has no table of its own: ours alone knows.</summary>
internal sealed class PlainFormat : MigrationFormat
{
    public override string Tool => "sql";

    public override bool HasTable => false;

    public override bool Matches(string directory) => Files(directory).Any();

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options) =>
        [.. Files(directory).Select(f => Path.GetRelativePath(directory, f)).Select(name => Migration.Whole(name, name, Path.Combine(directory, name)))];

    public override string CreateTable(string schema) => "";

    public override string Table(string schema) => "";

    public override Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken) =>
        Task.FromResult(new Dictionary<string, string?>());

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken) => Task.CompletedTask;

    private static IEnumerable<string> Files(string directory)
    {
        // What lies beside such folders is no migration.
        var folders = Directory.EnumerateDirectories(directory).Select(d => Path.Combine(d, "up.sql")).Where(File.Exists).OrderBy(Version, StringComparer.Ordinal).ThenBy(f => f, StringComparer.Ordinal).ToList();
        return folders.Count > 0 ? folders : SqlFiles(directory).Where(f => !IsWayDown(Path.GetFileName(f)));
    }

    // Diesel's: 2026-01-02-030405_name and 20260102030405_name are of one kind.
    private static string Version(string script) =>
        Path.GetFileName(Path.GetDirectoryName(script)!).Split('_')[0].Replace("-", "", StringComparison.Ordinal);

    private static bool IsWayDown(string name) =>
        name.EndsWith(".down.sql", StringComparison.OrdinalIgnoreCase) || name.EndsWith("-down.sql", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith(".undo.sql", StringComparison.OrdinalIgnoreCase) || name.Equals("down.sql", StringComparison.OrdinalIgnoreCase);
}
