using System.Globalization;
using System.Text;
using NpgsqlTypes;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Stress;

/// <summary>
/// The same work on a server that keeps statements and on one that does not: statements that come again and again, with the same literals and with others,
/// between everything that can change what they mean. Both must answer alike, to the last column name and error. Two sessions are Npgsql's, the third
/// one sends simple queries.
/// </summary>
public class UnnamedStatementStressTests
{
    private const int Operations = 4000;

    private static readonly string[] s_statements =
    [
        "select * from t order by 1 limit 3", "select a, b from t where a = $1 order by 1, 2 limit 3", "select * from t where b = $1 order by 1 limit 3", "select count(*) from t",
        "select * from u where k = $1", "select * from u, t where u.k = t.a order by 1, 2, 3 limit 2", "select * from w order by 1 limit 2", "select f(1)", "select f($1)", "select f('1')",
        "select g($1)", "insert into t values ($1, 'new')", "insert into t (a) values (3) returning *", "update t set b = $1 where a = 2", "delete from t where a = $1",
        "insert into u values ($1, 'v') on conflict (k) do update set v = excluded.v || '+' returning *", "select x from s1.t", "select * from pg_temp.t limit 2", "table u order by 1 limit 2",
        "select 'one'::e", "select e $1", "select v::e from u where k = 1", "select timestamptz '2020-03-01'", "select '2020-03-01'::timestamptz + $1::interval",
        "select '1' || $1", "select $1 + 1", "select 1 + 1 as two", "select 't'::regclass", "select current_schema(), current_user", "select 1 / (a - 2) from t where a = $1",
        "with c as (select * from t order by 1 limit 2) select * from c", "select (select max(a) from t), exists (select from u where k = $1)", "select row(t.*) from t order by 1 limit 1",
        "select t from t order by a limit 1", "select * from srf($1)", "values (1, $1)", "select coalesce($1, a::text) from t order by 1 limit 1", "select '\\x41'", "select 1 as \"a\nb\"", "show timezone",
        "select interval '1 day 02:03'", "select b like 'o%' from t order by a limit 1", "select 'a' 'b'", "select", "/* nothing */", "select 1; select 2", "select nothing",

        // {n} and {s} are literals, others each time.
        "select * from k where id = {n}", "select v from k where id = {n} and v <> {s}", "select v from k where id = $1 and v <> {s}", "select * from k where big = {n}", "select * from k where id = -{n}",
        "insert into k values ({n}, {s}) on conflict (id) do update set v = {s}", "insert into k values ({n}, {s}, {s}, {n}) returning *", "insert into k values ({n}, {s}), ({n}, {s})", "insert into k (id, v) values ($1, {s})",
        "update k set v = {s} where id = {n}", "update k set big = big + {n} where id = {n} returning *", "delete from k where id = {n}", "delete from k where id = {n} returning v, {s}", "select * from k where id = {n} for update",
        "select {n} + {n}, {s}", "select -{n}, - {n}, {n}-{n}, {n} - -{n}", "select {s} || {s} as x", "select a from t where a in ({n}, {n}) order by 1 limit {n}", "select a from t order by {n}", "select a + {n} from t group by a + {n}",
        "select b::varchar({n}) from t order by 1 limit 2", "insert into t values ({n}, {s}), ({n}, {s})", "select coalesce(b, {s}) from t order by 1 limit 2", "select * from k where id between {n} and {n} order by 1 limit 3",
        "select case when {n} > 1 then {s} end", "select f({n})", "select f({s})", "select g({n})", "select {n}::text, {s}::text, {s}::varchar(2)", "select * from w where a = {n} order by 1", "select * from p where id = {n}",
        "insert into p values ({n}, {s})", "select {n}.5, 1e{n}", "select {s}::e", "select date {s}", "select length({s}), {s} like {s}", "select pg_typeof({n}), pg_typeof(-{n}), pg_typeof({s})", "select {n} / {n}", "select current_query(), {n}",
        "select {s} 'x'", "select {s}\n{s}", "select E{s}, {s}", "select u.v, {n} as \"x{n}\" from u where k = {n}", "values ({n}, {s})", "select {n} from k where v is not null and not (id = {n}) order by id limit 2 offset {n}",
        "select /* {n} */ {n}", "select {n} -- {n}", "select {n};", "select array[{n}, {n}], array[{s}]", "select srf({n})", "select * from t where b = {s} and a = {n} order by 1 limit 2", "select {s}::int + {n}", "select 0x{n}, {n}_000",
        "select {s} = {s}, {n} = {n}, {n} is null, ({n} > {n}) is true", "select count(*), {n} from k where id = {n}", "select (select v from k where id = {n})", "select * from k where v = {s} and id = {n}", "select * from k where c = {s} order by 1",
    ];

    private static readonly string[] s_numbers = ["0", "1", "2", "3", "5", "7", "007", "100", "2147483647", "2147483648", "2147483649", "3000000000", "9223372036854775807", "9223372036854775808"];

    private static readonly string[] s_strings = ["''", "'one'", "'two'", "'it''s'", "''''", "'1'", "'a longer text than the column takes'", "'now'", "'\\x41'", "'é'", "'2020-02-02'"];

    private static readonly string[] s_changes =
    [
        "alter table t add c int", "alter table t drop column if exists c", "alter table t alter a type bigint", "alter table t alter a type int", "alter table t alter a type text",
        "alter table t alter a type int using a::int", "alter table t rename b to bb", "alter table t rename bb to b", "drop table if exists t cascade; create table t (a int, b text); insert into t values (1, 'one'), (2, 'two')",
        "create table t (b text, a int)", "create temp table t as select 9 as a, 'temp' as b", "drop table if exists pg_temp.t", "create or replace view w as select a, b from t", "create or replace view w as select a, b, 1 as n from t",
        "drop view if exists w", "create or replace function f(int) returns text language sql as $$ select 'int' $$", "create or replace function f(bigint) returns text language sql as $$ select 'bigint' $$",
        "create or replace function f(text) returns text language sql as $$ select 'text' $$", "drop function if exists f(int)", "drop function if exists f(text)", "create or replace function g(int) returns int language sql as 'select $1'",
        "drop function if exists g(int); create function g(int) returns text language sql as $$ select 'g' $$", "drop function if exists srf(int); create function srf(int) returns table (x int) language sql as 'select $1'",
        "drop function if exists srf(int); create function srf(int) returns table (x int, y text) language sql as $$ select $1, 'y' $$", "drop type if exists e cascade", "create type e as enum ('one', 'two')", "alter type e add value if not exists 'v'",
        "set search_path = s1, public", "set search_path = public", "set search_path = s2, s1, public", "set local search_path = s2, public", "set timezone = 'UTC'", "set timezone = 'Asia/Tokyo'", "set local timezone = 'America/New_York'", "reset all", "reset timezone",
        "set standard_conforming_strings = off", "set standard_conforming_strings = on", "set datestyle = 'german'", "set role limited", "reset role", "grant usage on schema s1 to limited", "revoke usage on schema s1 from limited",
        "grant all on t, u to limited", "revoke all on t from limited", "begin", "begin", "begin", "begin isolation level repeatable read", "commit", "commit", "rollback", "rollback", "savepoint s", "rollback to s", "release s", "select set_config('timezone', 'Europe/Berlin', true)", "select set_config('app.user', 'x', true)",
        "discard all", "discard plans", "discard temp", "create index on t (a)", "analyze t", "truncate t", "insert into t select i % 5, 'many' from generate_series(1, 300) i", "alter table u add constraint c check (k < 1000)", "alter table u drop constraint if exists c",
        "create rule r as on insert to t do also insert into u values (new.a + 100, 'rule') on conflict do nothing", "drop rule if exists r on t", "alter table t enable row level security", "alter table t disable row level security",
        "create policy p on t using (a < 3)", "drop policy if exists p on t", "drop table if exists k; create table k (id int primary key, v varchar(10), c char(5), big bigint unique)", "insert into k select i, 'many', null, i from generate_series(200, 3000) i on conflict do nothing", "analyze k", "truncate k",
        "alter table k alter v type text", "alter table k drop constraint if exists k_pkey", "alter table k add primary key (id)", "alter table k alter id type bigint", "create unique index on k (id) where v = 'one'", "alter table k add check (id < 50000)",
        "set plan_cache_mode = force_custom_plan", "set plan_cache_mode = auto", "set enable_indexscan = off", "set local enable_seqscan = off", "set enable_seqscan = off", "alter table k enable row level security", "create policy p on k using (id < 3)",
        "create trigger g before insert or update on k for each row execute function suppress_redundant_updates_trigger()", "drop table if exists p; create table p (id int, v text) partition by list (id); create table p1 partition of p for values in (1, 2, 3)",
        "grant all on k, p to limited", "alter table s1.t rename x to xx", "alter table s1.t rename xx to x", "drop table if exists s2.t", "create table s2.t (z int, a int, b text)",
        "do $$ begin set local timezone = 'UTC';raise exception 'undone';end $$", "create or replace function tz() returns text language sql set timezone = 'Asia/Kolkata' as 'select current_setting(''timezone'')'", "select tz()",
    ];

    [Theory]
    [InlineData(1, 12)]
    [InlineData(2, 50)]
    public async Task A_server_that_keeps_statements_answers_as_one_that_does_not(int seed, int rarity)
    {
        await using var keeping = await StartAsync("on");
        await using var other = await StartAsync("off");
        var random = new Random(seed);
        var last = new Queue<string>();
        for (int i = 0; i < Operations; i++)
        {
            int session = random.Next(3);
            bool changes = random.Next(rarity) == 0;
            string sql = changes ? s_changes[random.Next(s_changes.Length)] : s_statements[random.Next(s_statements.Length)];
            string? value = random.Next(8) switch { 0 => null, 1 => "two", var n => $"{n - 2}" };
            var type = random.Next(3) switch { 0 => NpgsqlDbType.Unknown, 1 => NpgsqlDbType.Integer, _ => NpgsqlDbType.Text };
            int times = changes ? 1 : random.Next(1, 4);
            for (int n = 0; n < times; n++)
            {
                string text = WithLiterals(sql, random);
                string expected = await other.AskAsync(session, text, value, type);
                string answer = await keeping.AskAsync(session, text, value, type);
                last.Enqueue($"{session}: {text} [{value}:{type}] -> {expected}");
                if (last.Count > 30)
                {
                    last.Dequeue();
                }

                Assert.True(expected == answer, $"operation {i}: {answer}\ninstead of the last of these:\n{string.Join('\n', last)}");
            }
        }
    }

    private static string WithLiterals(string sql, Random random)
    {
        string[] parts = sql.Split("{n}");
        string numbered = string.Concat(parts.Select((p, i) => i == 0 ? p : s_numbers[random.Next(random.Next(2) == 0 ? 5 : s_numbers.Length)] + p));
        parts = numbered.Split("{s}");
        return string.Concat(parts.Select((p, i) => i == 0 ? p : s_strings[random.Next(s_strings.Length)] + p));
    }

    private static async Task<Pair> StartAsync(string cache)
    {
        TestServer server = await TestServer.StartAsync(new ServerOptions
        {
            Settings = new Dictionary<string, string> { ["pocketgres.statement_cache"] = cache, ["autovacuum"] = "off", ["lock_timeout"] = "1ms" },
        });
        NpgsqlConnection[] sessions = [await server.OpenAsync(), await server.OpenAsync()];
        await sessions[0].ExecuteAsync("""
            create role limited; create schema s1; create schema s2;
            create table t (a int, b text); insert into t values (1, 'one'), (2, 'two');
            create table u (k int primary key, v text); insert into u values (1, 'one'), (2, 'two');
            create table k (id int primary key, v varchar(10), c char(5), big bigint unique);
            create table p (id int, v text) partition by list (id); create table p1 partition of p for values in (1, 2, 3);
            create table s1.t (x int); insert into s1.t values (1)
            """);
        return new Pair(server, sessions, await SimpleQueryClient.OpenAsync(server));
    }

    private static async Task<string> AskAsync(NpgsqlConnection session, string sql, string? value, NpgsqlDbType type)
    {
        var text = new StringBuilder();
        try
        {
            foreach (string statement in sql.Split("; ")) // one message each
            {
                await using var command = new NpgsqlCommand(statement, session) { AllResultTypesAreUnknown = true };
                if (statement.Contains("$1", StringComparison.Ordinal) && !statement.Contains("create ", StringComparison.Ordinal))
                {
                    object typed = value is null ? DBNull.Value : type != NpgsqlDbType.Integer ? value : int.TryParse(value, out int number) ? number : 0;
                    command.Parameters.Add(new NpgsqlParameter { Value = typed, NpgsqlDbType = type });
                }

                await using var reader = await command.ExecuteReaderAsync();
                text.AppendJoin(',', Enumerable.Range(0, reader.FieldCount).Select(c => $"{reader.GetName(c)}:{reader.GetDataTypeName(c)}"));
                while (await reader.ReadAsync())
                {
                    text.Append('|').AppendJoin(',', Enumerable.Range(0, reader.FieldCount).Select(c => reader.IsDBNull(c) ? "null" : reader.GetString(c)));
                }

                text.Append('/').Append(reader.RecordsAffected.ToString(CultureInfo.InvariantCulture)).Append(';');
            }
        }
        catch (PostgresException e)
        {
            text.Append(CultureInfo.InvariantCulture, $"{e.SqlState} {e.MessageText} at {e.Position}");
        }

        return text.ToString();
    }

    private sealed record Pair(TestServer Server, NpgsqlConnection[] Sessions, SimpleQueryClient Simple) : IAsyncDisposable
    {
        public Task<string> AskAsync(int session, string sql, string? value, NpgsqlDbType type) => session < Sessions.Length
            ? UnnamedStatementStressTests.AskAsync(Sessions[session], sql, value, type)
            : Simple.QueryAsync(sql.Replace("$1", value is null ? "null" : $"'{value}'", StringComparison.Ordinal));

        public async ValueTask DisposeAsync()
        {
            await Simple.DisposeAsync();
            foreach (var session in Sessions)
            {
                await session.DisposeAsync();
            }

            await Server.DisposeAsync();
        }
    }
}
