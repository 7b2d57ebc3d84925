using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Sorts by texts' bytes, of which the engine compares more at a time than Postgres' abbreviated keys hold: each row must not be below the one before.</summary>
[Collection(SharedServer.Name)]
public class TextSortingTests(ServerFixture fixture) : SessionTest(fixture)
{
    private const int Rows = 20000;

    // Many keys share their first four bytes, and some eight; lengths of 0 to 200; bytes above 127.
    private const string Keys = """
        case i % 8
            when 0 then substr(md5(i::text), 1, i % 33)
            when 1 then 'same' || substr(md5(i::text), 1, i % 11)
            when 2 then 'same' || chr(200 + i % 50) || (i % 100)
            when 3 then 'prefix12' || (i % 1000)
            when 4 then 'same'
            when 5 then repeat('s', i % 12)
            when 6 then 'same' || repeat(md5(i::text), 4 + i % 3)
            else md5(i::text)
        end
        """;

    [Theory]
    [InlineData("t", "t", "64MB")]
    [InlineData("t", "t desc", "64MB")]
    [InlineData("t", "t nulls first", "64MB")]
    [InlineData("t", "t, id desc", "64MB")]
    [InlineData("id, t", "t", "64MB")]
    [InlineData("small, big, t, id", "t", "64MB")]
    [InlineData("maybe, t", "t desc", "64MB")]
    [InlineData("other, maybe, t", "t", "64MB")]
    [InlineData("added, t", "t", "64MB")]
    [InlineData("t", "t", "64kB")]
    [InlineData("id, t", "t desc, id", "64kB")]
    public async Task Rows_come_in_order(string columns, string order, string memory)
    {
        NpgsqlConnection session = await OpenAsync();
        await FillAsync(session);
        await session.ExecuteAsync($"set work_mem = '{memory}'; set enable_hashagg = off");
        string descending = order.StartsWith("t desc", StringComparison.Ordinal) ? ">" : "<";
        string nulls = order.Contains("nulls first", StringComparison.Ordinal) || descending == ">" ? "before is not null and t is null" : "before is null and t is not null and n > 1";
        string second = order switch { "t, id desc" => "or (t = before and id > id_before)", "t desc, id" => "or (t = before and id < id_before)", _ => "" };
        string id = columns.Contains("id", StringComparison.Ordinal) || second.Length == 0 ? "" : ", id";
        string lag = second.Length > 0 ? ", id, lag(id) over () as id_before" : "";
        Assert.Equal(0, await session.ScalarAsync<long>($"""
            select count(*) from
                (select t, lag(t) over () as before, row_number() over () as n, length(sorted::text) as whole {lag} from (select {columns}{id} from s order by {order} offset 0) as sorted) as pairs
            where t {descending} before or ({nulls}) or whole = 0 {second} -- all columns are asked for, else they would be sorted as nulls
            """));
        Assert.Equal(
            await session.ScalarAsync<string>("select count(*) || ' ' || sum(hashtext(t)) from s"),
            await session.ScalarAsync<string>($"select count(*) || ' ' || sum(hashtext(t)) from (select {columns} from s order by {order} offset 0) as sorted"));
    }

    [Fact]
    public async Task Tables_that_got_the_column_later_and_big_values()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync($"create table s (); insert into s select from generate_series(1, {Rows}); alter table s add t text default 'same default'");
        await session.ExecuteAsync($"insert into s select {Keys} from generate_series(1, {Rows}) i");
        Assert.Equal(0, await DisorderAsync());
        await session.ExecuteAsync("insert into s select 'same' || repeat(md5(i::text), 3000) from generate_series(1, 20) i; insert into s select 'same' || repeat('x', 3000) from generate_series(1, 20) i");
        Assert.Equal(0, await DisorderAsync());

        Task<long> DisorderAsync() => session.ScalarAsync<long>(
            "select count(*) from (select t, lag(t) over () as before from (select t from s order by t offset 0) as sorted) as pairs where t < before");
    }

    [Fact]
    public async Task Indexes_find_every_row()
    {
        NpgsqlConnection session = await OpenAsync();
        await FillAsync(session);
        await session.ExecuteAsync("create index s_t on s (t); create index s_d on s (t desc, id); create unique index s_u on s (t, id); create index s_n on s (t, maybe, other); create extension if not exists amcheck");
        foreach (string index in (string[])["s_t", "s_d", "s_u", "s_n"])
        {
            await session.ExecuteAsync($"select bt_index_check('{index}', true)");
        }

        await session.ExecuteAsync("create unique index on s (t)").FailsAsync("23505");
    }

    private static async Task FillAsync(NpgsqlConnection session) => await session.ExecuteAsync($"""
        create table s (id bigint, small smallint, big text, maybe int, other varchar, t text);
        insert into s select i, i, repeat('b', i % 200), nullif(i % 3, 0), nullif(repeat('o', i % 5), ''), nullif({Keys}, '') from generate_series(1, {Rows}) i order by hashint4(i);
        alter table s add added text default 'for all';
        analyze s
        """);
}
