using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>
/// Runs a statement that cannot be in a transaction, and of which it may be unknown whether it was done: CREATE INDEX CONCURRENTLY leaves an index that is
/// not valid when it is interrupted, and the others leave what they make, or nothing.
/// </summary>
internal static class LoneStatement
{
    /// <summary>Runs it.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="statement">The statement.</param>
    /// <param name="mayBeDone">Whether somebody began it before and did not note its end.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="StatementException">The server refused it.</exception>
    public static async Task RunAsync(NpgsqlConnection connection, SqlStatement statement, bool mayBeDone, CancellationToken cancellationToken)
    {
        if (mayBeDone && statement.ConcurrentIndex() is ("CREATE", var name))
        {
            await DropInvalidAsync(connection, name, cancellationToken);
        }

        try
        {
            await StatementException.RunAsync(connection, statement, cancellationToken);
        }
        catch (StatementException e) when (mayBeDone && IsDone(statement, e.Server.SqlState))
        {
            // It was done.
        }
        catch (StatementException) when (statement.ConcurrentIndex() is ("CREATE", var failed) && connection.State == System.Data.ConnectionState.Open)
        {
            await DropInvalidAsync(connection, failed, cancellationToken);
            throw;
        }
    }

    private static bool IsDone(SqlStatement statement, string state) => statement.Words[0] switch
    {
        "CREATE" => state is PostgresErrorCodes.DuplicateTable or PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.DuplicateObject,
        "DROP" => state is PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidCatalogName,
        "COMMIT" or "ROLLBACK" => state is PostgresErrorCodes.UndefinedObject,
        _ => false,
    };

    private static async Task DropInvalidAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken)
    {
        // The word is in capitals unless it stood in quotes: then it is the name itself.
        var rows = await connection.QueryAsync(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND NOT i.indisvalid " +
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'i' AND c.relname IN ($1, lower($1))", cancellationToken, name);
        foreach (object?[] row in rows)
        {
            await connection.ExecuteAsync($"DROP INDEX CONCURRENTLY IF EXISTS {row[0]}", cancellationToken);
        }
    }
}
