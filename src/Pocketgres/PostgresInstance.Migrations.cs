using Npgsql;
using Pocketgres.Migrations;

namespace Pocketgres;

/// <content>Migrations.</content>
public sealed partial class PostgresInstance
{
    /// <summary>
    /// Applies the migrations of a folder that the database does not have yet: Prisma, Drizzle, Knex (constant SQL), Flyway, dbmate, golang-migrate, goose, Rails'
    /// structure.sql, or plain *.sql, recognised by their shape. Each is one transaction where PostgreSQL allows it, noted in the tool's own table.
    /// </summary>
    /// <param name="path">The folder of the migrations, or of the application.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told of each migration that begins.</param>
    /// <param name="cancellationToken">Cancels: the migration that runs is rolled back, those before it stay.</param>
    /// <exception cref="MigrationException">It cannot be done; the message is one line that says where, why, and what to do.</exception>
    /// <exception cref="PocketgresException">The server cannot be reached.</exception>
    public Task<MigrationReport> MigrateAsync(
        string path, MigrateOptions? options = null, IProgress<MigrationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ThrowUnlessRunning();
        return Translated(
            async () =>
            {
                var connection = new NpgsqlConnection(DedicatedConnectionString);
                await using (connection.ConfigureAwait(false))
                {
                    await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                    return await MigrationRunner.RunAsync(connection, path, options ?? new MigrateOptions(), progress, cancellationToken).ConfigureAwait(false);
                }
            },
            cancellationToken);
    }

    // For work that changes its session, or must not leave one open: not of the pool.
    private string DedicatedConnectionString => new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false, Multiplexing = false }.ConnectionString;
}
