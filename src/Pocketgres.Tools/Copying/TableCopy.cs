using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>
/// Copies the rows of one table and compares both sides. As text: the binary form has numbers of types in it (arrays, composites, reg types), which differ from
/// server to server.
/// </summary>
internal static class TableCopy
{
    private const int BlockSize = 64 << 10;

    // How values are written, so that equal values are equal texts on both sides, and nothing waits or gives up on its own.
    private static readonly string[] s_settings =
    [
        "SET datestyle = 'ISO, YMD'", "SET timezone = 'UTC'", "SET intervalstyle = 'postgres'", "SET extra_float_digits = 1", "SET bytea_output = 'hex'", "SET lc_monetary = 'C'",
        "SET xmlbinary = 'base64'", "SET xmloption = content", "SET search_path = ''", "SET row_security = off", "SET standard_conforming_strings = on",
        "SET statement_timeout = 0", "SET lock_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
    ];

    /// <summary>Makes a session ready for copies.</summary>
    public static async Task PrepareAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        foreach (string setting in s_settings)
        {
            await connection.ExecuteAsync(setting, cancellationToken);
        }
    }

    /// <summary>Copies a table; returns the number of rows.</summary>
    /// <param name="source">A session of the source.</param>
    /// <param name="target">One of the target.</param>
    /// <param name="table">The table.</param>
    /// <param name="cancelAtTarget">Cancels what a server process of the target does.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="CopyException">The two sides differ afterwards.</exception>
    public static async Task<long> RunAsync(NpgsqlConnection source, NpgsqlConnection target, CopiedTable table, Func<int, Task> cancelAtTarget, CancellationToken cancellationToken)
    {
        if (table.Columns.Length > 0)
        {
            await TransferAsync(source, target, table, cancelAtTarget, cancellationToken);
        }
        else
        {
            // COPY needs a column; such rows are all alike.
            var (rows, _) = await SumAsync(source, table, cancellationToken);
            await target.ExecuteAsync($"INSERT INTO {table.Name} SELECT FROM pg_catalog.generate_series(1, $1)", cancellationToken, rows);
        }

        return await CompareAsync(source, target, table, cancellationToken);
    }

    /// <summary>Counts a table on both sides and compares the checksums; returns the number of rows.</summary>
    /// <exception cref="CopyException">The two sides differ.</exception>
    public static async Task<long> CompareAsync(NpgsqlConnection source, NpgsqlConnection target, CopiedTable table, CancellationToken cancellationToken)
    {
        var here = await SumAsync(source, table, cancellationToken);
        var there = await SumAsync(target, table, cancellationToken);
        return here == there ? here.Rows : throw new CopyException(
            $"{table.Name} has {here.Rows} rows with the checksum {here.Sum} at the source, and {there.Rows} with {there.Sum} at the target: does anybody else write there, or does a type write its values otherwise?");
    }

    // The bytes as they are: what is no valid text in the target's encoding, the target says.
    private static async Task TransferAsync(NpgsqlConnection source, NpgsqlConnection target, CopiedTable table, Func<int, Task> cancelAtTarget, CancellationToken cancellationToken)
    {
        using var export = await source.BeginTextExportAsync($"COPY (SELECT {table.Columns} FROM ONLY {table.Name} {table.Condition}) TO STDOUT", cancellationToken);
        var import = await target.BeginTextImportAsync($"COPY {table.Name} ({table.Columns}) FROM STDIN", cancellationToken);

        // Ending a COPY takes no token, and the server may be long at the rows that it has (triggers, checks).
        int process = target.ProcessID;
        await using var cancel = cancellationToken.Register(() => _ = cancelAtTarget(process));
        try
        {
            await export.BaseStream.CopyToAsync(import.BaseStream, BlockSize, cancellationToken);
        }
        catch
        {
            await AbandonAsync(import);
            throw;
        }

        await import.DisposeAsync();
    }

    // Disposed alone, what has come so far would count as all.
    private static async Task AbandonAsync(NpgsqlCopyTextWriter import)
    {
        try
        {
            await import.CancelAsync();
            await import.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException or OperationCanceledException)
        {
            // The server ended it before, for the reason that is being told.
        }
    }

    // A sum does not depend on the order of the rows.
    private static async Task<(long Rows, string Sum)> SumAsync(NpgsqlConnection connection, CopiedTable table, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            $"SELECT count(*), coalesce(sum(pg_catalog.hashtextextended(ROW({table.Columns})::text COLLATE \"C\", 0)), 0)::text FROM ONLY {table.Name} {table.Condition}", cancellationToken);
        return ((long)rows[0][0]!, (string)rows[0][1]!);
    }
}
