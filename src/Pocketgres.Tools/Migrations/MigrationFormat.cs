using Npgsql;

namespace Pocketgres.Migrations;

/// <summary>A tool's way to keep migrations: how its folder looks, and the table in which it notes what was applied.</summary>
internal abstract class MigrationFormat
{
    /// <summary>The tool's name.</summary>
    public abstract string Tool { get; }

    /// <summary>Whether the tool has a table of its own, which then decides what was applied.</summary>
    public virtual bool HasTable => true;

    /// <summary>Whether the tool refuses a migration that sorts before one that was applied.</summary>
    public virtual bool RefusesOutOfOrder => false;

    /// <summary>Whether a folder is this tool's. Looks at names first, and into files only where they do not tell.</summary>
    public abstract bool Matches(string directory);

    /// <summary>Reads the folder's migrations in the order they are to run.</summary>
    /// <exception cref="MigrationException">It contains what cannot be run.</exception>
    public abstract IReadOnlyList<Migration> Read(string directory, MigrateOptions options);

    /// <summary>Reads the scripts that the tool runs beside the migrations.</summary>
    /// <exception cref="MigrationException">There is one that cannot be run.</exception>
    public virtual IReadOnlyList<MigrationCallback> ReadCallbacks(string directory, MigrateOptions options) => [];

    /// <summary>The statements that make the tool's table where it is missing. {0} is the quoted schema.</summary>
    public abstract string CreateTable(string schema);

    /// <summary>The table's name with its schema, for to_regclass.</summary>
    public abstract string Table(string schema);

    /// <summary>What the table says was applied: keys, with the tool's checksum where it has one. Called only when the table exists.</summary>
    /// <exception cref="MigrationException">The table tells of something that must be put right first.</exception>
    public abstract Task<Dictionary<string, string?>> ReadAppliedAsync(NpgsqlConnection connection, string schema, IReadOnlyList<Migration> migrations, CancellationToken cancellationToken);

    /// <summary>Notes a migration as applied; inside the migration's transaction where there is one.</summary>
    public abstract Task RecordAsync(NpgsqlConnection connection, string schema, Migration migration, TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>The SQL files of a folder by name.</summary>
    protected static IEnumerable<string> SqlFiles(string directory) => Directory.EnumerateFiles(directory, "*.sql").Order(StringComparer.Ordinal);
}
