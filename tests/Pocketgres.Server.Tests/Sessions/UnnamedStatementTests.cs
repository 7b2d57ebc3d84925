using NpgsqlTypes;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Statements that drivers send again and again without a name are not analysed again, and nothing but their speed shows that.</summary>
[Collection(SharedServer.Name)]
public class UnnamedStatementTests(ServerFixture fixture) : SessionTest(fixture)
{
    private const int Times = 4; // noticed, kept, taken, taken again

    [OursFact]
    public async Task A_statement_is_analysed_twice_and_then_no_more()
    {
        NpgsqlConnection session = await OpenAsync();
        Assert.Equal([true, true, false, false], await AnalysedAsync(session, "select 1 + $1", 2));
        Assert.Equal([true, true, false, false], await AnalysedAsync(session, "select 1 + $1", 2L)); // another type, another statement
        await session.ExecuteAsync("create table t (v int)");
        Assert.Equal([true, true, false, false], await AnalysedAsync(session, "insert into t values ($1)", 2));
        Assert.Equal(Times, await session.ScalarAsync<int>("select count(*)::int from t"));
    }

    [Fact]
    public async Task Between_others_it_stays_what_it_was()
    {
        NpgsqlConnection session = await OpenAsync();
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(i + 1, await session.ScalarAsync<int>("select $1 + 1", i));
            Assert.Equal($"{i}.", await session.ScalarAsync<string>("select $1 || '.'", $"{i}"));
            await session.ScalarAsync<int>("select 1 / $1", 0).FailsAsync("22012");
            await session.ExecuteAsync("select nonsense from nowhere").FailsAsync("42P01");
        }
    }

    [Fact]
    public async Task A_changed_table_is_seen_whoever_changes_it()
    {
        NpgsqlConnection session = await OpenAsync();
        NpgsqlConnection other = await OpenAsync();
        await session.ExecuteAsync("create table t (a int); insert into t values (1)");
        Assert.Equal("a", await ColumnsAsync(session, "select * from t"));
        await other.ExecuteAsync("alter table t add b text default 'x'");
        Assert.Equal("a b", await ColumnsAsync(session, "select * from t"));
        await session.ExecuteAsync("alter table t rename a to c");
        Assert.Equal("c b", await ColumnsAsync(session, "select * from t"));
        await other.ExecuteAsync("drop table t");
        await session.ExecuteAsync("select * from t").FailsAsync("42P01");
    }

    [Fact]
    public async Task In_a_transaction_too()
    {
        NpgsqlConnection session = await OpenAsync();
        NpgsqlConnection other = await OpenAsync();
        await session.ExecuteAsync("create table t (a int)");
        Assert.Equal("a", await ColumnsAsync(session, "select * from t"));
        await session.ExecuteAsync("begin");
        await session.ExecuteAsync("select 1");
        await other.ExecuteAsync("alter table t add b int");
        Assert.Equal("a b", await ColumnsAsync(session, "select * from t"));
        await session.ExecuteAsync("alter table t add c int");
        Assert.Equal("a b c", await ColumnsAsync(session, "select * from t"));
        await session.ExecuteAsync("rollback");
        Assert.Equal("a b", await ColumnsAsync(session, "select * from t"));
    }

    [Fact]
    public async Task A_parameter_without_a_type_takes_the_type_that_the_column_has_now()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (a int); insert into t values (7)");
        Assert.Equal("integer", await AskAsync("7"));
        await session.ExecuteAsync("alter table t alter a type text using 'seven'");
        Assert.Equal("text", await AskAsync("seven"));

        async Task<string> AskAsync(string value)
        {
            string found = "";
            for (int i = 0; i < Times; i++)
            {
                await using var command = new NpgsqlCommand("select pg_typeof(a)::text from t where a = $1", session);
                command.Parameters.Add(new NpgsqlParameter { Value = value, NpgsqlDbType = NpgsqlDbType.Unknown });
                found = (string)(await command.ExecuteScalarAsync())!;
            }

            return found;
        }
    }

    [Fact]
    public async Task Names_mean_what_they_mean_now()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t as select 'table' as what;
            create function f(bigint) returns text language sql as 'select ''bigint''';
            create schema other_of_test;
            create table other_of_test.t as select 'other' as what
            """);
        try
        {
            Assert.Equal(("table", "bigint"), await AskAsync());
            await session.ExecuteAsync("create function f(int) returns text language sql as 'select ''int'''");
            Assert.Equal(("table", "int"), await AskAsync());
            await session.ExecuteAsync("create temp table t as select 'temporary' as what");
            Assert.Equal(("temporary", "int"), await AskAsync());
            await session.ExecuteAsync("drop table pg_temp.t");
            Assert.Equal(("table", "int"), await AskAsync());
            await session.ExecuteAsync($"set search_path = other_of_test, {Schema}, public");
            Assert.Equal(("other", "int"), await AskAsync());
        }
        finally
        {
            await session.ExecuteAsync("drop schema other_of_test cascade");
        }

        async Task<(string, string)> AskAsync() => (await RepeatAsync(session, "select what from t"), await RepeatAsync(session, "select f(1)"));
    }

    [Fact]
    public async Task A_setting_counts_and_so_does_its_end()
    {
        NpgsqlConnection session = await OpenAsync();
        const string sql = "select extract(epoch from timestamptz '2020-01-01')::int";
        await session.ExecuteAsync("set timezone = 'UTC'");
        Assert.Equal("1577836800", await RepeatAsync(session, sql));
        await session.ExecuteAsync("begin");
        await session.ExecuteAsync("set local timezone = 'Asia/Tokyo'");
        Assert.Equal("1577804400", await RepeatAsync(session, sql));
        await session.ExecuteAsync("commit");
        Assert.Equal("1577836800", await RepeatAsync(session, sql));
        await session.ExecuteAsync("begin");
        await session.ExecuteAsync("set timezone = 'Asia/Tokyo'");
        Assert.Equal("1577804400", await RepeatAsync(session, sql));
        await session.ExecuteAsync("rollback");
        Assert.Equal("1577836800", await RepeatAsync(session, sql));
        await session.ScalarAsync<string>("select set_config('timezone', 'Asia/Tokyo', false)");
        Assert.Equal("1577804400", await RepeatAsync(session, sql));
        await session.ExecuteAsync("reset all");
        await session.ExecuteAsync("set timezone = 'UTC'");
        Assert.Equal("1577836800", await RepeatAsync(session, sql));
    }

    [Fact]
    public async Task A_role_sees_what_it_may()
    {
        NpgsqlConnection session = await OpenAsync();
        string role = $"r{Guid.NewGuid():N}";
        await session.ExecuteAsync($"create table t as select 1 as v; create role {role}; grant select on t to {role}");
        string sql = $"select v from {Schema}.t";
        Assert.Equal("1", await RepeatAsync(session, sql));
        await session.ExecuteAsync($"set role {role}");
        await session.ExecuteAsync(sql).FailsAsync("42501");
        await session.ExecuteAsync("reset role");
        await session.ExecuteAsync($"grant usage on schema {Schema} to {role}; set role {role}");
        Assert.Equal("1", await RepeatAsync(session, sql));
        await Observer.ExecuteAsync($"revoke usage on schema {Schema} from {role}");
        await session.ExecuteAsync(sql).FailsAsync("42501");
        await session.ExecuteAsync($"reset role; drop owned by {role}; drop role {role}");
    }

    [Fact]
    public async Task Literals_that_depend_on_the_time_are_read_anew()
    {
        NpgsqlConnection session = await OpenAsync();
        foreach (string sql in (string[])["select timestamptz 'now'", "select 'Now'::timestamptz", "select $$now$$::timestamptz", @"select E'n\157w'::timestamptz"])
        {
            HashSet<DateTime> times = [];
            for (int i = 0; i < Times; i++)
            {
                times.Add(await session.ScalarAsync<DateTime>(sql));
                await session.ExecuteAsync("select pg_sleep(0.001)");
            }

            Assert.Equal(Times, times.Count);
        }
    }

    [Fact]
    public async Task Statements_without_a_plan_are_read_anew()
    {
        NpgsqlConnection session = await OpenAsync();
        for (int i = 0; i < Times; i++)
        {
            await session.ExecuteAsync("begin");
            await session.ExecuteAsync($"declare c cursor for select 1 as c{i}");
            Assert.Equal($"c{i}", await OnceAsync("fetch all from c"));
            await session.ExecuteAsync("commit");
            await session.ExecuteAsync($"prepare p as select 1 as p{i}");
            Assert.Equal($"p{i}", await OnceAsync("execute p"));
            await session.ExecuteAsync("deallocate p");
        }

        // Described as a statement, which is not the same as the description of what is run.
        async Task<string> OnceAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, session);
            await using var reader = await command.ExecuteReaderAsync(System.Data.CommandBehavior.SchemaOnly);
            return reader.GetName(0);
        }
    }

    [Fact]
    public async Task Each_execution_is_planned_for_the_table_as_it_is()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (k int primary key) with (autovacuum_enabled = off); insert into t values (1); analyze t");
        const string sql = "select k from t where k = 1";
        await session.ExecuteAsync("begin");
        await RepeatAsync(session, sql);
        Assert.Equal(0, await ScansAsync(session, "t_pkey")); // of one page
        await session.ExecuteAsync("insert into t select generate_series(2, 20000)");
        await RepeatAsync(session, sql);
        Assert.Equal(Times, await ScansAsync(session, "t_pkey"));
        await session.ExecuteAsync("commit");
    }

    [Fact]
    public async Task And_for_its_parameters()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t (k int) with (autovacuum_enabled = off);
            insert into t select 1 from generate_series(1, 20000) union all select generate_series(2, 20);
            create index t_k on t (k);
            analyze t
            """);
        await session.ExecuteAsync("begin");
        for (int i = 0; i < 12; i++)
        {
            Assert.Equal(20000, await session.ScalarAsync<int>("select count(v)::int from (select k + 0.5 as v from t where k = $1)", 1));
        }

        Assert.Equal(0, await ScansAsync(session, "t_k")); // a plan for any value would use it
        await session.ExecuteAsync("commit");
    }

    [OursFact]
    public async Task More_statements_than_are_kept()
    {
        NpgsqlConnection session = await OpenAsync();
        for (int round = 0; round < Times; round++)
        {
            for (int i = 0; i < 100; i++)
            {
                Assert.Equal(i, await session.ScalarAsync<int>($"select {i} as c{i}"));
            }
        }

        Assert.InRange(await KeptAsync(), 50, 70);
        await session.ExecuteAsync("create table t (v int)");
        await session.ExecuteAsync("select 1");
        Assert.InRange(await KeptAsync(), 0, 5);

        // What a view makes of a few words counts too.
        string columns = string.Join(", ", Enumerable.Range(0, 200).Select(i => $"v + {i} as c{i}"));
        await session.ExecuteAsync($"create view wide as select {columns} from t; create view wider as select a.*, b.c0 as d from wide a, wide b, wide c");
        for (int i = 0; i < 30; i++)
        {
            for (int round = 0; round < Times; round++)
            {
                await session.ExecuteAsync($"select c0 as c{i} from wide");
                await session.ExecuteAsync($"select d as d{i} from wider");
            }
        }

        Assert.InRange(await KeptAsync(), 5, 25);
        Assert.InRange(
            await session.ScalarAsync<long>("select sum(total_bytes)::bigint from pg_backend_memory_contexts where name like 'CachedPlan%' or name = 'unnamed prepared statement'"),
            500_000,
            1_500_000);

        Task<int> KeptAsync() => session.ScalarAsync<int>("select count(*)::int from pg_backend_memory_contexts where name = 'CachedPlanSource'");
    }

    // Whether each of some executions has analysed the statement: the server prints what came of it.
    private static async Task<List<bool>> AnalysedAsync(NpgsqlConnection session, string sql, object parameter)
    {
        await session.ExecuteAsync("set debug_print_rewritten = on; set debug_pretty_print = off; set client_min_messages = log");
        bool seen = false;
        void Notice(object sender, NpgsqlNoticeEventArgs e) => seen |= e.Notice.MessageText == "rewritten parse tree:" && e.Notice.Detail?.Contains("{QUERY", StringComparison.Ordinal) == true;
        session.Notice += Notice;
        List<bool> analysed = [];
        for (int i = 0; i < Times; i++)
        {
            seen = false;
            await session.ExecuteAsync(sql, parameter);
            analysed.Add(seen);
        }

        session.Notice -= Notice;
        await session.ExecuteAsync("reset debug_print_rewritten; reset debug_pretty_print; reset client_min_messages");
        return analysed;
    }

    // Of an index, in this transaction.
    private static Task<long> ScansAsync(NpgsqlConnection session, string index) => session.ScalarAsync<long>($"select pg_stat_get_xact_numscans('{index}'::regclass)");

    private static async Task<string> RepeatAsync(NpgsqlConnection session, string sql)
    {
        HashSet<string> values = [];
        for (int i = 0; i < Times; i++)
        {
            values.Add(await session.ScalarAsync<string>(sql));
        }

        return Assert.Single(values);
    }

    private static async Task<string> ColumnsAsync(NpgsqlConnection session, string sql)
    {
        HashSet<string> values = [];
        for (int i = 0; i < Times; i++)
        {
            await using var command = new NpgsqlCommand(sql, session);
            await using var reader = await command.ExecuteReaderAsync();
            values.Add(string.Join(' ', Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)));
        }

        return Assert.Single(values);
    }
}
