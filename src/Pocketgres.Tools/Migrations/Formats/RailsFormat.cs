using Npgsql;

namespace Pocketgres.Migrations.Formats;

/// <summary>
/// Rails' <c>structure.sql</c>: a whole schema as one migration. It brings <c>schema_migrations</c> with all versions itself, so that Rails goes on from there;
/// ours notes the file.
/// </summary>
internal sealed class RailsFormat : MigrationFormat
{
    public const string FileName = "structure.sql";

    public override string Tool => "rails";

    public override bool HasTable => false;

    public override bool Matches(string directory) => File.Exists(Path.Combine(directory, FileName));

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options) => [Migration.Whole(FileName, FileName, Path.Combine(directory, FileName))];

    public override string CreateTable(string schema) => "";

    public override string Table(string schema) => "";

    public override Task<Dictionary<string, string?>> ReadAppliedAsync(
        NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken) =>
        Task.FromResult(new Dictionary<string, string?>());

    public override Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken) => Task.CompletedTask;
}
