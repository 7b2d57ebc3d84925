using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Ledgers;

/// <summary>
/// A workload whose every acknowledged transaction can be proved afterwards, and every half of one found: transfers between accounts by several
/// sessions, tables that come and go with a row that tells of them, and checkpoints and vacuums in between.
/// It remembers over crashes what was acknowledged.
/// </summary>
/// <param name="seed">Decides what the sessions do.</param>
/// <param name="diskFails">Errors of a disk that fails are no failure of the test.</param>
/// <param name="writers">Sessions that transfer.</param>
sealed class Ledger(int seed, bool diskFails = false, int writers = 4)
{
    const int Accounts = 50, Balance = 1000;

    readonly int[] _acknowledged = new int[writers];
    readonly Random _random = new(seed);
    int _ddlAcknowledged;

    /// <summary>Transactions acknowledged so far.</summary>
    public long Acknowledged => _acknowledged.Sum() + _ddlAcknowledged;

    /// <summary>Creates the tables, unless that was acknowledged before.</summary>
    public async Task CreateAsync(NpgsqlConnection session)
    {
        await session.ExecuteAsync($"""
            create table if not exists accounts (id int primary key, balance int not null, filler text default repeat('a', 200));
            create table if not exists transfers (writer int, n int, source int, target int, amount int, filler text, primary key (writer, n));
            create index if not exists transfers_by_source on transfers (source);
            create table if not exists ddl_log (n int primary key, rows int);
            insert into accounts (id, balance) select i, {Balance} from generate_series(1, {Accounts}) i on conflict do nothing
            """);
    }

    /// <summary>Works on all sessions until the server is gone or the token is cancelled; errors other than those fail.</summary>
    public async Task RunAsync(Func<Task<NpgsqlConnection>> open, CancellationToken stop)
    {
        var random = new Random(_random.Next());
        int[] seeds = [.. Enumerable.Range(0, writers + 2).Select(_ => random.Next())];
        await Task.WhenAll([
            .. Enumerable.Range(0, writers).Select(w => Task.Run(() => UntilTheEndAsync(open, s => TransferAsync(s, w, new Random(seeds[w]), stop)))),
            Task.Run(() => UntilTheEndAsync(open, s => ChangeTablesAsync(s, new Random(seeds[^2]), stop))),
            Task.Run(() => UntilTheEndAsync(open, s => MaintainAsync(s, new Random(seeds[^1]), stop))),
        ]);
    }

    /// <summary>Fails unless everything acknowledged is there and every transaction is there wholly or not at all.</summary>
    public async Task VerifyAsync(NpgsqlConnection session)
    {
        Assert.Equal(Accounts * Balance, await session.ScalarAsync<long>("select sum(balance) from accounts"));
        Assert.Empty(await session.ColumnAsync<int>($"""
            select a.id from accounts a
            where a.balance <> {Balance} + coalesce((select sum(amount) from transfers where target = a.id), 0)
                - coalesce((select sum(amount) from transfers where source = a.id), 0)
            """));
        Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from transfers where filler <> repeat('t', 50 + n % 200)"));
        for (int w = 0; w < writers; w++)
        {
            int last = await session.ScalarAsync<int>("select coalesce(max(n), 0) from transfers where writer = $1", w);
            Assert.Equal(last, await session.ScalarAsync<int>("select count(*)::int from transfers where writer = $1", w));
            // One more may have been committed whose acknowledgement did not arrive.
            Assert.InRange(last, _acknowledged[w], _acknowledged[w] + 1);
            _acknowledged[w] = last;
        }

        // The index and the table agree.
        long byTable = await session.ScalarAsync<long>("select coalesce(sum(source::bigint * n), 0) from transfers");
        await session.ExecuteAsync("set enable_seqscan = off; set enable_bitmapscan = off");
        Assert.Equal(byTable, await session.ScalarAsync<long>("select coalesce(sum(source::bigint * n), 0) from (select * from transfers order by source) t"));
        await session.ExecuteAsync("reset all");

        int table = await session.ScalarAsync<int>("select coalesce(max(n), 0) from ddl_log");
        Assert.InRange(table, _ddlAcknowledged, _ddlAcknowledged + 1);
        _ddlAcknowledged = table;
        List<int> logged = await session.ColumnAsync<int>("select n from ddl_log order by n");
        List<int> existing = await session.ColumnAsync<int>(
            "select substr(relname, 7)::int n from pg_class where relname ~ '^extra_[0-9]+$' and relkind = 'r' order by n");
        Assert.Equal(logged, existing);
        foreach (int n in existing)
        {
            Assert.Equal(
                await session.ScalarAsync<int>("select rows from ddl_log where n = $1", n),
                await session.ScalarAsync<int>($"select count(*)::int from extra_{n} where i > 0 and v = repeat('v', 100)"));
        }
    }

    async Task TransferAsync(NpgsqlConnection session, int writer, Random random, CancellationToken stop)
    {
        for (int n = await session.ScalarAsync<int>("select coalesce(max(n), 0) + 1 from transfers where writer = $1", writer); !stop.IsCancellationRequested; n++)
        {
            int source = random.Next(1, Accounts + 1), target = 1 + (source + random.Next(Accounts - 1)) % Accounts;
            int amount = random.Next(1, 20);
            // In the order of ids, so that nobody deadlocks.
            (int first, int second) = source < target ? (source, target) : (target, source);
            int one = source < target ? -amount : amount;
            await using NpgsqlBatch batch = session.CreateBatch();
            batch.BatchCommands.Add(new NpgsqlBatchCommand("begin"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"update accounts set balance = balance + {one} where id = {first}"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"update accounts set balance = balance - {one} where id = {second}"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand(
                $"insert into transfers values ({writer}, {n}, {source}, {target}, {amount}, repeat('t', 50 + {n} % 200))"));
            batch.BatchCommands.Add(new NpgsqlBatchCommand("commit"));
            await batch.ExecuteNonQueryAsync(stop);
            Volatile.Write(ref _acknowledged[writer], n);
        }
    }

    async Task ChangeTablesAsync(NpgsqlConnection session, Random random, CancellationToken stop)
    {
        for (int n = await session.ScalarAsync<int>("select coalesce(max(n), 0) + 1 from ddl_log"); !stop.IsCancellationRequested; n++)
        {
            int rows = random.Next(1, 300);
            string sql = $"""
                create table extra_{n} as select i, repeat('v', 100) v from generate_series(1, {rows}) i;
                create index on extra_{n} (i);
                insert into ddl_log values ({n}, {rows})
                """;
            if (n > 5)
            {
                sql += random.Next(2) == 0
                    ? $"; delete from ddl_log where n = {n - 5}; drop table if exists extra_{n - 5}"
                    : $"; with e as (select n from ddl_log where n = {n - 5}) update ddl_log set rows = 0 where n in (select n from e)"
                        + $"; do $$ begin if to_regclass('extra_{n - 5}') is not null then truncate extra_{n - 5}; end if; end $$";
            }

            await session.ExecuteAsync($"begin; {sql}; commit");
            Volatile.Write(ref _ddlAcknowledged, n);
            await Task.Delay(random.Next(20), stop);
        }
    }

    static async Task MaintainAsync(NpgsqlConnection session, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(random.Next(300), stop);
            await session.ExecuteAsync(random.Next(4) switch { 0 => "vacuum transfers", 1 => "select pg_switch_wal()", _ => "checkpoint" });
        }
    }

    async Task UntilTheEndAsync(Func<Task<NpgsqlConnection>> open, Func<NpgsqlConnection, Task> work)
    {
        try
        {
            await using NpgsqlConnection session = await open();
            await work(session);
        }
        catch (OperationCanceledException)
        {
        }
        catch (PostgresException e) when (e.SqlState is "57P01" or "57P02" or "57P03")
        {
            // The server stops or has crashed.
        }
        catch (PostgresException e) when (diskFails && (e.SqlState is "58030" or "53100" or "XX000" or "XX001" or "58P01"))
        {
        }
        catch (NpgsqlException e) when (e is not PostgresException)
        {
            // The server is gone. (A wrong answer would show in VerifyAsync.)
        }
    }
}
