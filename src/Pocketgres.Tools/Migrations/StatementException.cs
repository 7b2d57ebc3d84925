using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>A statement of a migration failed.</summary>
internal sealed class StatementException(SqlStatement statement, PostgresException inner) : Exception(inner.MessageText, inner)
{
    /// <summary>Which.</summary>
    public SqlStatement Statement { get; } = statement;

    /// <summary>What the server said.</summary>
    public PostgresException Server => (PostgresException)InnerException!;

    /// <summary>Runs a statement, COPY with its data too.</summary>
    /// <exception cref="StatementException">The server refused it.</exception>
    public static async Task RunAsync(NpgsqlConnection connection, SqlStatement statement, CancellationToken cancellationToken)
    {
        try
        {
            if (statement.CopyData is { } data)
            {
                await using var import = await connection.BeginTextImportAsync(statement.Text, cancellationToken);
                await import.WriteAsync(data.AsMemory(), cancellationToken);
                return;
            }

            await connection.ExecuteAsync(statement.Text, cancellationToken);
        }
        catch (PostgresException e) when (!(e.SqlState == PostgresErrorCodes.QueryCanceled && cancellationToken.IsCancellationRequested))
        {
            throw new StatementException(statement, e);
        }
    }
}
