using System.Globalization;
using System.Reflection;
using Npgsql;
using NpgsqlTypes;

namespace Pocketgres.Training;

/// <summary>
/// A bit of everything that applications do, so that the compiler knows which branches are taken: short transactions over the simple and the
/// extended protocol, schema changes, errors, bulk loads, the executor's nodes, index builds, maintenance, connections.
/// </summary>
/// <remarks>
/// Not a benchmark and no test: it only has to pass through the code in about the right proportions. Branch counts are compared within one function, so
/// how often one function runs relative to another hardly matters, but what shall be inlined where it is called must run a hundred times (HotCalls). It runs some
/// five times slower than compiled code would, and twice: keep it under twenty seconds.
/// </remarks>
internal sealed class Workload(string directory, int port)
{
    private const int Accounts = 20_000;
    private static readonly string[] s_tags = ["x", "y"];

    private readonly string _connectionString = new NpgsqlConnectionStringBuilder
    {
        Host = directory,
        Port = port,
        Username = "postgres",
        Database = "postgres",
        Pooling = false,
        CommandTimeout = 120,
    }.ConnectionString;

    public async Task RunAsync()
    {
        using (var session = SimpleSession.Open(directory, port))
        {
            Run(session, "schema");
            Run(session, "queries");
            Run(session, "types");
            Errors(session);
            ShortTransactions(session);
            Run(session, "maintenance");
        }

        await using var source = NpgsqlDataSource.Create(_connectionString);
        await ExtendedAsync(source);
        await BulkAsync(source);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => Beside(i))));
        for (int i = 0; i < 20; i++)
        {
            await using var connection = await source.OpenConnectionAsync();
            await using var command = new NpgsqlCommand("SELECT count(*) FROM tellers", connection);
            await command.ExecuteScalarAsync();
        }
    }

    // Statements end with a semicolon at the end of a line.
    private static void Run(SimpleSession session, string script)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(script)!);
        foreach (string statement in reader.ReadToEnd().Split(";\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            session.Query(statement);
        }
    }

    private static void Errors(SimpleSession session)
    {
        for (int i = 0; i < 10; i++)
        {
            session.QueryThatFails("SELEC 1");
            session.QueryThatFails("SELECT no_such_column FROM accounts");
            session.QueryThatFails("INSERT INTO tellers (tid, bid, tbalance) VALUES (1, 1, 0)");
            session.QueryThatFails("SELECT 1 / (aid - aid) FROM accounts");
            session.Query("BEGIN");
            session.QueryThatFails("SELECT 'x'::int");
            session.QueryThatFails("SELECT 1");
            session.Query("ROLLBACK");
        }
    }

    private static void ShortTransactions(SimpleSession session)
    {
        var random = new Random(1);
        for (int i = 0; i < 1500; i++)
        {
            session.Query("SELECT 1");
            session.Query(Text($"SELECT abalance FROM accounts WHERE aid = {random.Next(1, Accounts)}"));
        }

        for (int i = 0; i < 300; i++)
        {
            Transfer(session, random);
            session.Query(Text($"INSERT INTO items (name, price, tags) VALUES ('item {i}', {i}.25, ARRAY['a', 'b{i % 7}']) RETURNING id"));
            session.Query(Text($"UPDATE items SET price = price * 1.1, changed = now() WHERE id = {i + 1}"));
            session.Query(Text($"INSERT INTO settings VALUES ('key{i % 20}', '{i}') ON CONFLICT (key) DO UPDATE SET value = excluded.value"));
            session.Query(Text($"DELETE FROM items WHERE id = {i - 50}"));
        }
    }

    private static void Transfer(SimpleSession session, Random random)
    {
        int aid = random.Next(1, Accounts), delta = random.Next(-500, 500);
        session.Query("BEGIN");
        session.Query(Text($"UPDATE accounts SET abalance = abalance + {delta} WHERE aid = {aid}"));
        session.Query(Text($"SELECT abalance FROM accounts WHERE aid = {aid}"));
        session.Query(Text($"UPDATE tellers SET tbalance = tbalance + {delta} WHERE tid = {random.Next(1, 10)}"));
        session.Query(Text($"UPDATE branches SET bbalance = bbalance + {delta} WHERE bid = 1"));
        session.Query(Text($"INSERT INTO history (tid, bid, aid, delta, mtime) VALUES (1, 1, {aid}, {delta}, CURRENT_TIMESTAMP)"));
        session.Query("END");
    }

    // Several sessions at once: waiting for locks, waking each other.
    private void Beside(int seed)
    {
        using var session = SimpleSession.Open(directory, port);
        var random = new Random(seed);
        for (int i = 0; i < 100; i++)
        {
            Transfer(session, random);
        }
    }

    private static async Task ExtendedAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var prepared = new NpgsqlCommand("SELECT abalance, filler FROM accounts WHERE aid = $1", connection) { Parameters = { new NpgsqlParameter<int>() } };
        await prepared.PrepareAsync();
        for (int i = 0; i < 1000; i++)
        {
            ((NpgsqlParameter<int>)prepared.Parameters[0]).TypedValue = (i * 7919 % Accounts) + 1;
            await prepared.ExecuteScalarAsync();
            await using var command = new NpgsqlCommand("SELECT i.id, i.name, i.price FROM items i WHERE i.id = @id AND i.name LIKE @name", connection)
            {
                Parameters = { new("id", (long)i), new("name", "item%") },
            };
            await command.ExecuteScalarAsync();
        }

        await using var update = new NpgsqlCommand("UPDATE accounts SET abalance = abalance + $1 WHERE aid = $2", connection) { Parameters = { new NpgsqlParameter<int>(), new NpgsqlParameter<int>() } };
        await update.PrepareAsync();
        for (int i = 0; i < 300; i++)
        {
            ((NpgsqlParameter<int>)update.Parameters[1]).TypedValue = (i * 7919 % Accounts) + 1;
            await update.ExecuteNonQueryAsync();
            foreach (string text in (string[])["SELECT 1", Text($"UPDATE accounts SET abalance = abalance + 1 WHERE aid = {i + 1}"), Text($"INSERT INTO copied VALUES ({i}, {i}, 'text')")])
            {
                await using var command = new NpgsqlCommand(text, connection);
                await command.ExecuteNonQueryAsync();
            }
        }

        for (int i = 0; i < 100; i++)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await using var batch = new NpgsqlBatch(connection, transaction);
            for (int k = 0; k < 5; k++)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO items (name, price, tags, document) VALUES ($1, $2, $3, $4)")
                {
                    Parameters = { new() { Value = "batch" }, new() { Value = 1.5m * k }, new() { Value = s_tags }, new() { Value = "{\"a\": 1}", NpgsqlDbType = NpgsqlDbType.Jsonb } },
                });
            }

            await batch.ExecuteNonQueryAsync();
            await (i % 10 == 0 ? transaction.RollbackAsync() : transaction.CommitAsync());
        }
    }

    private static async Task BulkAsync(NpgsqlDataSource source)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using (var writer = await connection.BeginTextImportAsync("COPY copied FROM STDIN"))
        {
            for (int i = 0; i < 20_000; i++)
            {
                await writer.WriteAsync(Text($"{i}\t{i * 7919 % 100_003}\tthe text of row number {i}\n"));
            }
        }

        await using (var writer = await connection.BeginBinaryImportAsync("COPY copied FROM STDIN BINARY"))
        {
            for (int i = 0; i < 5000; i++)
            {
                await writer.WriteRowAsync(default, i, i, "binary");
            }

            await writer.CompleteAsync();
        }

        using (var reader = await connection.BeginTextExportAsync("COPY copied TO STDOUT"))
        {
            await reader.ReadToEndAsync();
        }

        using (var reader = await connection.BeginTextExportAsync("COPY (SELECT * FROM accounts WHERE aid < 2000) TO STDOUT CSV"))
        {
            await reader.ReadToEndAsync();
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
