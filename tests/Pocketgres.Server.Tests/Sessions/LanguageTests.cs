using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>PL/pgSQL, cursors, large objects, parallel plans: parts of Postgres that lean on the kernel in their own way.</summary>
[Collection(SharedServer.Name)]
public class LanguageTests(ServerFixture fixture) : SessionTest(fixture)
{
    [Fact]
    public async Task Plpgsql_catches_exceptions()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t (v int primary key);
            create function try_insert(n int) returns text language plpgsql as $$
            declare detail text;
            begin
                insert into t values (n);
                perform 10 / n;
                return 'ok';
            exception
                when unique_violation then
                    get stacked diagnostics detail = pg_exception_detail;
                    return sqlstate || ' ' || detail;
                when division_by_zero then return sqlstate;
            end $$
            """);
        Assert.Equal("ok", await session.ScalarAsync<string>("select try_insert(1)"));
        Assert.Equal("23505 Key (v)=(1) already exists.", await session.ScalarAsync<string>("select try_insert(1)"));
        Assert.Equal("22012", await session.ScalarAsync<string>("select try_insert(0)"));
        Assert.Equal(["22012", "ok", "ok"], await session.ColumnAsync<string>("select try_insert(n) from unnest(array[0, 2, 3]) n"));
        Assert.Equal([1, 2, 3], await session.ColumnAsync<int>("select v from t order by v"));
        await session.ExecuteAsync("do $$ begin raise exception 'mine' using errcode = 'PG001'; end $$").FailsAsync("PG001");
    }

    [Fact]
    public async Task Exceptions_nest_deeply()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create function nest(n int) returns int language plpgsql as $$
            begin
                if n = 0 then raise exception 'bottom'; end if;
                return nest(n - 1);
            exception when others then
                if n < 100 then raise; end if;
                return n;
            end $$
            """);
        Assert.Equal(100, await session.ScalarAsync<int>("select nest(100)"));
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(100, await session.ScalarAsync<int>("select nest(100)"));
        }
    }

    [Fact]
    public async Task Endless_recursion_is_an_error_not_a_crash()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create function forever(n int) returns int language plpgsql as $$ begin return forever(n + 1); end $$");
        await session.ExecuteAsync("select forever(0)").FailsAsync("54001");
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    [Fact]
    public async Task Procedures_commit_as_they_go()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t (v int);
            create procedure fill() language plpgsql as $$
            begin
                for i in 1..4 loop
                    insert into t values (i);
                    if i % 2 = 0 then commit; else rollback; end if;
                end loop;
            end $$
            """);
        await session.ExecuteAsync("call fill()");
        Assert.Equal([2, 4], await session.ColumnAsync<int>("select v from t order by v"));
    }

    [Fact]
    public async Task Cursors_fetch_in_steps_and_backwards()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("begin; declare c scroll cursor for select generate_series(1, 1000)");
        Assert.Equal([1, 2, 3], await session.ColumnAsync<int>("fetch 3 from c"));
        Assert.Equal([1000], await session.ColumnAsync<int>("fetch last from c"));
        Assert.Equal([999, 998], await session.ColumnAsync<int>("fetch backward 2 from c"));
        await session.ExecuteAsync("declare h cursor with hold for select generate_series(1, 5)");
        await session.ExecuteAsync("commit");
        await session.ExecuteAsync("fetch c").FailsAsync("34000");
        Assert.Equal([1, 2], await session.ColumnAsync<int>("fetch 2 from h"));
    }

    [Fact]
    public async Task Large_objects()
    {
        NpgsqlConnection session = await OpenAsync();
        byte[] content = new byte[300_000];
        new Random(1).NextBytes(content);
        uint oid = await session.ScalarAsync<uint>("select lo_from_bytea(0, $1)", content);
        try
        {
            await session.ExecuteAsync("select lo_put($1, 100000, $2)", (int)oid, new byte[] { 1, 2, 3 });
            new byte[] { 1, 2, 3 }.CopyTo(content, 100_000);
            byte[] read = await Observer.ScalarAsync<byte[]>("select lo_get($1)", (int)oid);
            Assert.True(content.AsSpan().SequenceEqual(read));
            Assert.Equal([1, 2, 3], await Observer.ScalarAsync<byte[]>("select lo_get($1, 100000, 3)", (int)oid));
        }
        finally
        {
            await session.ExecuteAsync("select lo_unlink($1)", (int)oid);
        }
    }

    [Fact]
    public async Task A_parallel_query_launches_workers()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t as select i, i % 100 as g, md5(i::text) as v from generate_series(1, 100000) i;
            analyze t;
            set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; set max_parallel_workers_per_gather = 2
            """);
        string plan = "";
        await Wait.UntilAsync(async () =>
        {
            plan = string.Join('\n', await session.ColumnAsync<string>("explain (analyze, costs off) select g, count(*), max(v) from t group by g"));
            return plan.Contains("Workers Launched: 2", StringComparison.Ordinal);
        }, "two parallel workers launched");
        Assert.Equal(5000050000, await session.ScalarAsync<long>("select sum(i) from t"));
        await session.ExecuteAsync("set max_parallel_maintenance_workers = 2; create index on t (v)");
        Assert.Equal(1, await session.ScalarAsync<long>("select count(*) from t where v = md5('777')"));
    }

    [Fact]
    public async Task Parallel_queries_leave_none_of_their_shared_memory_in_the_session()
    {
        const int queries = 60;
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t as select i from generate_series(1, 5000) i;
            analyze t;
            set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0
            """);
        int before = SegmentsMapped();
        for (int i = 0; i < queries; i++)
        {
            Assert.Equal(5000, await session.ScalarAsync<long>("select count(*) from t where i > 0"));
        }

        // Other tests have segments too, a few at a time; without munmap there was one more for each query.
        Assert.InRange(SegmentsMapped() - before, int.MinValue, queries / 2);

        // The server runs in this process.
        static int SegmentsMapped() => File.ReadLines("/proc/self/maps").Count(l => l.Contains("pocketgres-file", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_error_in_a_parallel_worker_reaches_the_session()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t as select i from generate_series(1, 50000) i;
            analyze t;
            set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; set parallel_leader_participation = off
            """);
        for (int i = 0; i < 5; i++)
        {
            await session.ExecuteAsync("select count(*) from t where 1 / (i - 40000) > 5").FailsAsync("22012");
        }

        Assert.Equal(50_000, await session.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task Sorts_and_hashes_that_spill_to_files()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("set work_mem = '64kB'; set hash_mem_multiplier = 1");
        Assert.Equal(200_000, await session.ScalarAsync<long>(
            "select count(*) from (select md5(i::text) m from generate_series(1, 200000) i order by 1) s"));
        Assert.Equal(100_000, await session.ScalarAsync<long>(
            "select count(*) from generate_series(1, 100000) a(i) join (select generate_series(1, 200000) i offset 0) b using (i)"));
    }

    [Fact]
    public async Task A_replication_slot_keeps_its_place()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("select pg_create_physical_replication_slot($1, true)", Schema);
        try
        {
            Assert.True(await Observer.ScalarAsync<bool>("select restart_lsn <= pg_current_wal_lsn() and not active from pg_replication_slots where slot_name = $1", Schema));
        }
        finally
        {
            await session.ExecuteAsync("select pg_drop_replication_slot($1)", Schema);
        }
    }
}
