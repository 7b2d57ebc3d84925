using Npgsql;

namespace Pocketgres.Fuzz;

/// <summary>A session of Npgsql to record: a bit of everything.</summary>
static class NpgsqlSession
{
    public static async Task RunAsync(string port, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection($"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres;Pooling=false;SSL Mode=Disable");
        await connection.OpenAsync(cancellation);
        await using (var table = new NpgsqlCommand("create temp table x (i int, t text, d timestamptz, a int[])", connection))
        {
            await table.ExecuteNonQueryAsync(cancellation);
        }

        await using (var transaction = await connection.BeginTransactionAsync(cancellation))
        {
            await using var insert = new NpgsqlCommand("insert into x values ($1, $2, $3, $4)", connection, transaction)
            {
                Parameters = { new() { Value = 1 }, new() { Value = "text" }, new() { Value = DateTime.UnixEpoch }, new() { Value = Enumerable.Range(1, 2).ToArray() } },
            };
            await insert.PrepareAsync(cancellation);
            await insert.ExecuteNonQueryAsync(cancellation);
            await transaction.SaveAsync("s", cancellation);
            await transaction.RollbackAsync("s", cancellation);
            await transaction.CommitAsync(cancellation);
        }

        await using (var import = await connection.BeginBinaryImportAsync("copy x (i, t) from stdin (format binary)", cancellation))
        {
            for (int i = 0; i < 10; i++)
            {
                await import.StartRowAsync(cancellation);
                await import.WriteAsync(i, cancellation);
                await import.WriteAsync("row", cancellation);
            }

            await import.CompleteAsync(cancellation);
        }

        using (var export = await connection.BeginTextExportAsync("copy x to stdout", cancellation))
        {
            await export.ReadToEndAsync(cancellation);
        }

        await using (var batch = new NpgsqlBatch(connection) { BatchCommands = { new("select 1"), new("select * from x where i > 3"), new("select 1/0") } })
        {
            try
            {
                await batch.ExecuteNonQueryAsync(cancellation);
            }
            catch (PostgresException)
            {
                // As meant.
            }
        }

        await connection.ReloadTypesAsync(cancellation);
    }
}
