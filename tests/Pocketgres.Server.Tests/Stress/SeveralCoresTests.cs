using System.Globalization;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Stress;

/// <summary>
/// Sessions run beside each other, or with `pocketgres.several_cores=off` one at a time, for POCKETGRES_STRESS_SECONDS (default 5): whatever scans, sorts and parallel queries read beside
/// writers must be one moment's state, keys stay unique, and every index agrees with its table afterwards. `eng/soak.sh` is the long form.
/// </summary>
public class SeveralCoresTests
{
    const int Pairs = 2000;

    static TimeSpan Duration => TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariable("POCKETGRES_STRESS_SECONDS") is { Length: > 0 } seconds ? double.Parse(seconds, CultureInfo.InvariantCulture) : 5);

    [Theory]
    [InlineData("on")]
    [InlineData("off")]
    public async Task What_is_read_beside_writers_is_one_moments_state(string mode)
    {
        await using TestServer server = await TestServer.StartAsync(new ServerOptions
        {
            Settings = new Dictionary<string, string>
            {
                ["pocketgres.several_cores"] = mode,
                ["min_parallel_table_scan_size"] = "0",
                ["parallel_setup_cost"] = "0",
                ["autovacuum_naptime"] = "1s",
                ["work_mem"] = "1MB", // some sorts and hash tables fit, some do not
            },
        });
        await using (NpgsqlConnection setup = await server.OpenAsync())
        {
            await setup.ExecuteAsync($"""
                create table ledger (id int primary key, pair int not null, amount int not null, note text) with (fillfactor = 60);
                insert into ledger select i, i / 2, case when i % 2 = 0 then 1 else -1 end * (i / 2), md5(i::text) from generate_series(0, {2 * Pairs - 1}) i;
                create table claimed (k int primary key, n int not null);
                create index on claimed (n);
                create table numbered (id bigint generated always as identity primary key, made timestamptz);
                create extension amcheck;
                analyze ledger
                """);
        }

        using var interruptions = new CancellationTokenSource(Duration);
        using var stop = new CancellationTokenSource();
        Actor interrupter = new InterruptActor(server);
        Actor[] actors =
        [
            new PairActor(server, Pairs), new PairActor(server, Pairs), new ScanActor(server, 2 * Pairs), new ScanActor(server, 2 * Pairs),
            new ClaimActor(server), new ClaimActor(server), new NumberActor(server), new NumberActor(server),
        ];
        Task interrupting = Task.Run(() => interrupter.RunAsync(interruptions.Token));
        Task acting = Task.WhenAll(actors.Select(actor => Task.Run(() => actor.RunAsync(stop.Token))));
        await Wait.ForAsync(interrupting, "the interruptions ended", Duration + TimeSpan.FromSeconds(90));

        // On a slow machine no act may have come through between two interruptions: undisturbed, each actor must.
        await Wait.UntilAsync(() => acting.IsCompleted || actors.All(actor => actor.Done > 0), "every actor did something", TimeSpan.FromSeconds(90));
        await stop.CancelAsync();
        await Wait.ForAsync(acting, "every actor ended: one hangs", TimeSpan.FromSeconds(90));
        Assert.True(interrupter.Done > 0, "nothing was interrupted");
        await using (NpgsqlConnection check = await server.OpenAsync())
        {
            Assert.Equal(mode, await check.ScalarAsync<string>("show pocketgres.several_cores"));
            Assert.Equal(0L, await check.ScalarAsync<long>("select sum(amount) from ledger"));
            NumberActor[] numbers = [.. actors.OfType<NumberActor>()];
            Assert.InRange(await check.ScalarAsync<long>("select count(*) from numbered"), numbers.Sum(a => a.Done) * NumberActor.Rows,
                numbers.Sum(a => a.Done + a.Unknown) * NumberActor.Rows);
            Assert.True(await check.ScalarAsync<long>("""
                select count(bt_index_check(i.indexrelid, true, i.indisunique)) from pg_index i join pg_class c on c.oid = i.indexrelid where c.relam = 403 and c.relpersistence = 'p'
                """) > 100);
            Assert.Equal(0L, await check.ScalarAsync<long>("select count(*) from unnest('{ledger,claimed,numbered,pg_class,pg_attribute,pg_statistic}'::text[]) t, verify_heapam(t::regclass)"));
        }

        Assert.Empty(server.Log.Matching(TestServer.DisasterPattern));
        Assert.Equal(0, await server.StopAsync());
    }
}

/// <summary>Changes both halves of a pair: its sum stays 0.</summary>
sealed class PairActor(TestServer server, int pairs) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        int pair = Random.Shared.Next(pairs);
        int amount = Random.Shared.Next(1000);
        await session.ExecuteAsync("update ledger set amount = case when id % 2 = 0 then $2 else -$2 end, note = md5($2::text) where id in (2 * $1, 2 * $1 + 1)", pair, amount);
    }
}

/// <summary>Reads the whole table in several ways, alone and with parallel workers.</summary>
sealed class ScanActor(TestServer server, long rows) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        await session.ExecuteAsync("set max_parallel_workers_per_gather = " + Random.Shared.Next(3));
        Assert.Equal(0L, await session.ScalarAsync<long>("select sum(amount) from ledger where note ~ '^[0-9a-f]+$'"));
        Assert.Equal(0L, await session.ScalarAsync<long>("select count(*) from (select pair from ledger group by pair having sum(amount) <> 0 or count(*) <> 2) s"));
        Assert.Equal(0L, await session.ScalarAsync<long>("select count(*) from ledger a join ledger b on a.pair = b.pair and a.id < b.id where a.amount + b.amount <> 0"));
        Assert.Equal(rows, await session.ScalarAsync<long>("""
            select count(*) from (select note, lag(note) over (order by note) as before from ledger) s where before is null or before <= note
            """));
        Assert.Equal(0L, await session.ScalarAsync<long>("select sum(s.amount) from (select amount, id from ledger order by amount, id offset 0) s"));
        Assert.True(await session.ScalarAsync<bool>("select count(distinct note) <= count(*) from ledger where length(upper(note)) = 32"));
    }
}

/// <summary>Inserts and deletes the same few keys as the others.</summary>
sealed class ClaimActor(TestServer server) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        int key = Random.Shared.Next(200);
        await session.ExecuteAsync("insert into claimed (k, n) values ($1, 1) on conflict (k) do update set n = claimed.n + 1", key);
        await session.ExecuteAsync("delete from claimed where k = $1", (key * 7) % 200);
        Assert.InRange(await session.ScalarAsync<long>("select count(*) from claimed where k = $1", key), 0L, 1L);
    }
}

/// <summary>Takes numbers that nobody else may get: the primary key would refuse them.</summary>
sealed class NumberActor(TestServer server) : Actor(server)
{
    public const int Rows = 5;

    protected override Task ActAsync(NpgsqlConnection session) =>
        session.ExecuteAsync($"insert into numbered (made) select clock_timestamp() from generate_series(1, {Rows})");
}
