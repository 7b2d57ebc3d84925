using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Statements that come again with other literals are not analysed again, some not planned again; nothing but their speed shows that.</summary>
[Collection(SharedServer.Name)]
public class StatementLiteralTests(ServerFixture fixture) : SessionTest(fixture)
{
    private const int Times = 5;
    private SimpleQueryClient _simple = null!;

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _simple = await SimpleQueryClient.OpenAsync(Server);
        await _simple.QueryAsync($"set search_path = {Schema}, public");
    }

    public override async Task DisposeAsync()
    {
        await _simple.DisposeAsync();
        await base.DisposeAsync();
    }

    [OursTheory]
    [InlineData("select v from t where id = {0}", "AP AP P - -")]
    [InlineData("insert into t values ({0}00, 'text {0}')", "AP AP P - -")]
    [InlineData("insert into t values ({0}00, 'a'), ({0}01, 'b')", "AP AP P - -")]
    [InlineData("update t set v = 'x{0}' where id = {0}", "AP AP P - -")]
    [InlineData("delete from t where id = {0}", "AP AP P - -")]
    [InlineData("select {0}, 'x'", "AP AP P - -")]
    [InlineData("select v from t where id > {0} order by id limit {0}", "AP AP PP P P")] // how many rows is not known
    [InlineData("select v from t where w = {0}", "AP AP PP P P")]
    [InlineData("select v from t where id between {0} and {0}", "AP AP PP P P")]
    [InlineData("select x from u where a = {0}", "AP AP PP P P")] // half of the index's columns
    [InlineData("select x from u where a = {0} and b = {0}", "AP AP P - -")]
    [InlineData("select v from t where id = {0} and w in (1, {0})", "AP AP P - -")]
    [InlineData("select {0} + 1", "AP AP P P P")] // computed by the planner
    [InlineData("select 'x' like 'y{0}'", "AP AP P P P")]
    [InlineData("select count(*) from t where id = {0}", "AP AP AP AP AP")] // not of the simple ones
    [InlineData("select * from t where id = {0} -- {0}", "AP AP AP AP AP")]
    [InlineData("select * from t where d = '2020-01-0{0}'", "AP AP AP AP AP")] // no text
    public async Task What_is_done_for_each(string sql, string phases)
    {
        await _simple.QueryAsync("""
            create table t (id int primary key, v text, d date, w int);
            insert into t select i, 'v', null, i from generate_series(1, 20) i;
            insert into t select i, 'many', null, i from generate_series(10000, 20000) i;
            create index on t (w);
            create table u as select i / 2 as a, i as b, i as x from generate_series(1, 10000) i;
            create unique index on u (a, b);
            analyze t, u
            """);
        await _simple.QueryAsync("set debug_print_rewritten = on; set debug_pretty_print = off; set log_planner_stats = on; set client_min_messages = log");
        List<string> seen = [];
        for (int i = 1; i <= Times; i++)
        {
            _simple.Notices.Clear();
            await _simple.QueryAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, sql, i));
            seen.Add(string.Concat(_simple.Notices.Select(n => n.Split(' ')[0] switch { "rewritten" => n.Contains("{QUERY", StringComparison.Ordinal) ? "A" : "", "PLANNER" => "P", _ => "" })));
        }

        Assert.Equal(phases, string.Join(' ', seen.Select(s => s.Length == 0 ? "-" : s)));
    }

    [Fact]
    public async Task Values_are_those_of_the_text()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id int primary key, v varchar(10), c char(4), s smallint, b bigint, n numeric, f real); create table s (v text)");
        string[] texts = ["", "a", "it''s", "''", "''''", "éé", "0123456789", "a''b''c"];
        long[] numbers = [0, 1, -1, 7, 2147483647, -2147483647, 32767];
        for (int i = 0; i < 40; i++)
        {
            string text = texts[i % texts.Length];
            long number = numbers[i % numbers.Length];
            long big = (i % 2 == 0 ? 1 : -1) * (3_000_000_000 + i);
            string plain = text.Replace("''", "'", StringComparison.Ordinal);
            string insert = $"insert into t values ({i}, '{text}', '{i}', {i}, {big}, {number}, {number}) returning v, b, n";
            string select = $"select v, b, n from t where id = {i}";
            string expected = $"v:1043,b:20,n:1700|{plain},{big},{number}";
            if (i % 2 == 0)
            {
                Assert.Equal($"{expected}/INSERT 0 1;", await _simple.QueryAsync(insert));
                Assert.Equal(1L, await session.ScalarAsync<long>($"select count(*) from t where id = {i} and v = '{text}'"));
                Assert.Equal(big, await session.ScalarAsync<long>($"select b from t where id = {i}"));
                Assert.Equal(plain, await session.ScalarAsync<string>($"select v from t where id = {i}"));
            }
            else
            {
                await session.ExecuteAsync(insert);
            }

            Assert.Equal($"{expected}/SELECT 1;", await _simple.QueryAsync(select));
            Assert.Equal(plain, await session.ScalarAsync<string>($"select '{text}'"));
            Assert.Equal(-number, await session.ScalarAsync<long>($"select (-({number}))::bigint"));
            Assert.Equal($"?column?:23,?column?:25,x:20|{number},{plain},{big}/SELECT 1;", await _simple.QueryAsync($"select {number}, '{text}', {big} as x"));
        }
    }

    [Fact]
    public async Task Client_s_parameters_come_first()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 100) i; analyze t");
        for (int i = 1; i < 12; i++)
        {
            Assert.Equal($"v{i}+{i + 1}x{i}", await session.ScalarAsync<string>($"select v || $2 || 'x{i}' from t where id = $1 and id <> {i + 1}", i, $"+{i + 1}"));
            Assert.Equal(i % 2 == 0 ? "odd" : $"v{i}", await session.ScalarAsync<string>($"select case when $1 = 0 then 'odd' else $2 end", i % 2, $"v{i}"));
        }
    }

    [Fact]
    public async Task What_does_not_fit_is_found_at_the_same_moment()
    {
        await _simple.QueryAsync("create sequence s; create table t (id int default nextval('s') primary key, v varchar(3), n smallint)");
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("/INSERT 0 1;", await _simple.QueryAsync($"insert into t (v, n) values ('abc', {i})"));
        }

        Assert.Equal("22001 value too long for type character varying(3) at 0", await _simple.QueryAsync("insert into t (v, n) values ('abcd', 1)"));
        Assert.Equal("22003 smallint out of range at 0", await _simple.QueryAsync("insert into t (v, n) values ('abc', 40000)"));
        Assert.Equal("/INSERT 0 1;", await _simple.QueryAsync("insert into t (v, n) values ('', 32767)"));
        Assert.Equal("id:23|5/SELECT 1;", await _simple.QueryAsync("select max(id) as id from t")); // no number was taken in vain
        for (int i = 3; i >= 0; i--)
        {
            Assert.Equal(i == 0 ? "22012 division by zero at 0" : $"?column?:23|{6 / i}/SELECT 1;", await _simple.QueryAsync($"select 6 / {i}"));
        }
    }

    [Fact]
    public async Task A_table_that_changes_under_the_statement()
    {
        NpgsqlConnection session = await OpenAsync();
        NpgsqlConnection other = await OpenAsync();
        await session.ExecuteAsync("create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 1000) i; analyze t");
        for (int i = 1; i < 5; i++)
        {
            Assert.Equal($"v{i}", await session.ScalarAsync<string>($"select v from t where id = {i}"));
            Assert.Equal($"v:25|v{i}/SELECT 1;", await _simple.QueryAsync($"select v from t where id = {i}"));
        }

        // They have been found in the cache when they wait for the table, which is another one then.
        foreach (string change in (string[])["alter table t alter v type varchar(9)", "alter table t drop constraint t_pkey", "alter table t alter id type bigint, add primary key (id)", "alter table t rename to t2; create table t as select id, 'new' || id as v from t2"])
        {
            await other.ExecuteAsync("begin");
            await other.ExecuteAsync("lock table t");
            Task<string> waiting = session.ScalarAsync<string>("select v from t where id = 700");
            Task<string> simple = _simple.QueryAsync("select v from t where id = 800");
            await Wait.UntilAsync(
                async () => await Observer.ScalarAsync<long>($"select count(*) from pg_locks where not granted and relation = '{Schema}.t'::regclass") == 2, "both wait");
            await other.ExecuteAsync(change);
            await other.ExecuteAsync("commit");
            Assert.EndsWith("700", await waiting, StringComparison.Ordinal);
            Assert.EndsWith("800/SELECT 1;", await simple, StringComparison.Ordinal);
            for (int i = 1; i < 5; i++)
            {
                string expected = await Observer.ScalarAsync<string>($"select v from t where id = $1 and v <> '{change.Length}'", i);
                Assert.Equal(expected, await session.ScalarAsync<string>($"select v from t where id = {i}"));
                Assert.EndsWith($"|{expected}/SELECT 1;", await _simple.QueryAsync($"select v from t where id = {i}"), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task The_plan_is_that_for_the_value_when_it_matters()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t (k int, v int) with (autovacuum_enabled = off);
            insert into t select 1, 0 from generate_series(1, 20000) union all select generate_series(2, 20), 0;
            create index t_k on t (k);
            create unique index t_v on t (k) where v = 5;
            analyze t
            """);
        await session.ExecuteAsync("begin");
        for (int i = 0; i < 8; i++)
        {
            await session.ExecuteAsync($"select k + 0.5 from t where k = {(i % 2 == 0 ? 1 : i + 2)}");
        }

        Assert.Equal(4, await session.ScalarAsync<long>("select pg_stat_get_xact_numscans('t_k'::regclass)"));
        for (int i = 0; i < 8; i++)
        {
            await session.ExecuteAsync($"select k from t where k = {i} and v = {i}");
        }

        Assert.Equal(1, await session.ScalarAsync<long>("select pg_stat_get_xact_numscans('t_v'::regclass)"));
        await session.ExecuteAsync("commit");
    }

    [OursFact]
    public async Task Who_wants_plans_for_values_gets_them()
    {
        await _simple.QueryAsync("set plan_cache_mode = force_custom_plan; set log_planner_stats = on; set client_min_messages = log");
        for (int i = 0; i < Times; i++)
        {
            _simple.Notices.Clear();
            await _simple.QueryAsync($"select {i}, 'x'");
            Assert.Single(_simple.Notices);
        }
    }

    [Fact]
    public async Task Columns_that_were_described_do_not_change()
    {
        await _simple.QueryAsync("create table t (id int primary key, v text)");
        NpgsqlConnection other = await OpenAsync();
        (char, string)[] run = [('B', "\0\0\0\0\0\0\0\0"), ('D', "P\0"), ('E', "\0\0\0\0\0")];
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("id:23,v:25/SELECT 0;", await _simple.SendAsync([('P', $"\0select * from t where id = {i}\0\0\0"), .. run]));
        }

        Assert.Equal("id:23,v:25", await _simple.SendAsync(('P', "\0select * from t where id = 7\0\0\0"), ('D', "S\0")));
        await other.ExecuteAsync("alter table t add w int");
        Assert.Equal("0A000 cached plan must not change result type at 0", await _simple.SendAsync(run));

        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("", await _simple.SendAsync(('P', $"\0select * from t where id = {i}\0\0\0")));
            Assert.Equal("id:23,v:25,w:23/SELECT 0;", await _simple.SendAsync(run));
        }

        await other.ExecuteAsync("alter table t drop w");
        Assert.Equal("0A000 cached plan must not change result type at 0", await _simple.SendAsync(run));
    }

    [Fact]
    public async Task The_text_is_shown_as_it_is()
    {
        NpgsqlConnection session = await OpenAsync();
        for (int i = 0; i < 120; i += 17)
        {
            Assert.Equal($"select current_query() as q, {i}", await session.ScalarAsync<string>($"select current_query() as q, {i}"));
            Assert.Equal($"q:25,s:25|select current_query() as q, 'x{i}' as s,x{i}/SELECT 1;", await _simple.QueryAsync($"select current_query() as q, 'x{i}' as s"));
            await session.ExecuteAsync($"select {i}, '{i}' as activity");
            Assert.Equal($"select {i}, '{i}' as activity", await Observer.ScalarAsync<string>($"select query from pg_stat_activity where pid = {session.ProcessID}"));
        }
    }

    [Fact]
    public async Task The_log_has_no_parameters_that_the_client_did_not_send()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("set log_statement = 'all'; set client_min_messages = log");
        List<string> logged = [];
        session.Notice += (_, e) => logged.Add($"{e.Notice.MessageText} [{e.Notice.Detail}]");
        for (int i = 0; i < Times; i++)
        {
            logged.Clear();
            await session.ExecuteAsync($"select {i}, 'x'");
            Assert.Equal([$"execute <unnamed>: select {i}, 'x' []"], logged);
        }
    }

    [Fact]
    public async Task Portals_keep_their_values()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 100) i; analyze t");
        await session.ExecuteAsync("create function f(i int) returns text language plpgsql as $$ begin return (select v from t where id = i); end $$");
        for (int i = 1; i < 6; i++)
        {
            await using var batch = new NpgsqlBatch(session);
            for (int n = 0; n < 3; n++)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand($"select v, f(id), 'n{n}' from t where id = {i + n}"));
            }

            await using var reader = await batch.ExecuteReaderAsync();
            for (int n = 0; n < 3; n++)
            {
                Assert.True(await reader.ReadAsync());
                Assert.Equal($"v{i + n} v{i + n} n{n}", $"{reader.GetString(0)} {reader.GetString(1)} {reader.GetString(2)}");
                await reader.NextResultAsync();
            }
        }
    }

    [Fact]
    public async Task After_an_error_everything_is_as_before()
    {
        await _simple.QueryAsync("create table t (id int primary key, v text); create table empty (id int); create rule r as on insert to empty do instead nothing");
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal("/INSERT 0 1;", await _simple.QueryAsync($"insert into t values ({i}, 'v{i}')"));
            Assert.StartsWith("23505", await _simple.QueryAsync($"insert into t values ({i}, 'again')"), StringComparison.Ordinal);
            Assert.StartsWith("42601", await _simple.QueryAsync($"insert into t values ({i}, 'again'"), StringComparison.Ordinal);
            Assert.Equal("/INSERT 0 0;", await _simple.QueryAsync($"insert into empty values ({i})"));
            Assert.Equal("id:23,v:25/SELECT 0;", await _simple.QueryAsync($"select * from t where id = {i + 100}"));
            Assert.StartsWith("42P01", await _simple.QueryAsync($"select * from nowhere where id = {i}"), StringComparison.Ordinal);
            Assert.Equal($"a{i}:23|{i}/SELECT 1;", await _simple.QueryAsync($"select {i} as a{i}"));
            Assert.Equal("/BEGIN;", await _simple.QueryAsync("begin"));
            Assert.StartsWith("42P01", await _simple.QueryAsync($"select * from nowhere where id = {i}"), StringComparison.Ordinal);
            Assert.StartsWith("25P02", await _simple.QueryAsync($"insert into t values ({i}0, 'in vain')"), StringComparison.Ordinal);
            Assert.Equal("/ROLLBACK;", await _simple.QueryAsync("commit"));
        }

        Assert.Equal("count:20|8/SELECT 1;", await _simple.QueryAsync("select count(*) from t"));
        Assert.Equal("count:20|0/SELECT 1;", await _simple.QueryAsync("select count(*) from empty"));
    }
}
