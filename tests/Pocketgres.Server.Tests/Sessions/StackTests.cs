using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Recursion beyond the stack is an error of the statement; the session goes on, and the others do not notice.</summary>
[Collection(SharedServer.Name)]
public class StackTests(ServerFixture fixture) : SessionTest(fixture)
{
    const string TooDeep = "54001";

    [Theory]
    [InlineData(TooDeep, "select repeat('[', 2500000)::json")]
    [InlineData(TooDeep, "select repeat('[', 2500000)::jsonb")]
    [InlineData(TooDeep, "select repeat('{\"a\":', 2000000)::json")]
    [InlineData(TooDeep, "select repeat('{\"a\":', 2000000)::jsonb")]
    [InlineData(TooDeep, "select repeat('[', 2500000) is json")]
    [InlineData(TooDeep, "select repeat('a', 3000000) like repeat('%a', 3000000) || 'b'")]
    [InlineData(TooDeep, "select repeat('a', 3000000)::bytea like (repeat('%a', 3000000) || 'b')::bytea")]
    [InlineData(TooDeep, "select repeat('a', 300000) ilike repeat('%a', 300000) || 'b'")]
    [InlineData(TooDeep, "select (repeat('(', 1500000) || 'a' || repeat(')', 1500000))::tsquery")]
    [InlineData(TooDeep, "select ('a' || repeat('<->a', 40000))::tsquery::text")]
    [InlineData("XX000", "select (repeat('!', 1500000) || 'a')::tsquery")]
    [InlineData("2201B", "select 'a' ~ (repeat('(', 100000) || 'a' || repeat(')', 100000))")]
    [InlineData("2201B", "select 'a' ~ (repeat('(a|', 100000) || 'a' || repeat(')', 100000))")]
    [InlineData("54000", "select repeat('{', 1000000)::int[]")]
    [InlineData("2200N", "select (repeat('<a>', 100000) || repeat('</a>', 100000))::xml")]
    [InlineData("10608", "select xpath('/' || repeat('a[', 100000) || '1' || repeat(']', 100000), '<a/>')")]
    [InlineData("10608", "select xpath(repeat('(', 100000) || '1' || repeat(')', 100000), '<a/>')")]
    [InlineData("42601", "select ('$ ? (' || repeat('!(', 100000) || '@ == 1' || repeat(')', 100000) || ')')::jsonpath")]
    public async Task A_value_that_is_too_deep(string sqlState, string sql)
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync(sql).FailsAsync(sqlState);

        // Npgsql closes a connection after an internal error.
        NpgsqlConnection after = sqlState == "XX000" ? await OpenAsync() : session;
        Assert.Equal(1, await after.ScalarAsync<int>("select 1"));
    }

    [Theory]
    [InlineData(TooDeep, "select {0}1", "1+", "")]
    [InlineData(TooDeep, "select 1{0}", "::int::text", "")]
    [InlineData(TooDeep, "select 1{0}", " union all select 1", "")]
    [InlineData("42601", "select {0}1{1}", "(", ")")]
    [InlineData("42601", "select {0}1{1}", "abs(", ")")]
    [InlineData("42601", "select {0}1{1}", "array[", "]")]
    [InlineData("42601", "select {0}1{1}", "row(", ")")]
    [InlineData("42601", "select {0}1{1}", "(select ", ")")]
    [InlineData("42601", "select {0}1{1}", "case when true then ", " end")]
    [InlineData("42601", "{0}select 1{1}", "with a as (", ") select 1")]
    [InlineData("42601", "do $x$ {0}{1} $x$", "begin ", " end; ")]
    public async Task A_statement_that_is_too_deep(string sqlState, string statement, string left, string right)
    {
        const int depth = 50_000;
        NpgsqlConnection session = await OpenAsync();
        string sql = string.Format(System.Globalization.CultureInfo.InvariantCulture, statement,
            string.Concat(Enumerable.Repeat(left, depth)), string.Concat(Enumerable.Repeat(right, depth)));
        await session.ExecuteAsync(sql).FailsAsync(sqlState);
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    [Fact]
    public async Task A_parameter_that_is_too_deep()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("select $1::jsonb", new string('[', 2_500_000)).FailsAsync(TooDeep);
        await session.ExecuteAsync("select $1::text::json", new string('[', 2_500_000)).FailsAsync(TooDeep);
        Assert.Equal("[[1]]", await session.ScalarAsync<string>("select $1::text::json::text", "[[1]]"));
    }

    [Fact]
    public async Task Plans_that_began_one_by_one_and_go_on_in_each_other()
    {
        // Postgres checks the stack at the first row of each plan only, and nothing was deep then.
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync(
            """
            create function next_of(k int, n int) returns int language plpgsql as
              $$ declare r int; begin if k >= n then return 0; end if; execute format('fetch next from c%s', k) into r; return r; end $$;
            create function begin_all(n int) returns void language plpgsql as
              $$ declare r int; begin for k in 0..n loop
                execute format('declare c%s no scroll cursor for select case when a > 1 then next_of(%s, %s) + 1 else 1 end from (select a from generate_series(1, 2) a order by a) s', k, k + 1, n);
                execute format('fetch next from c%s', k) into r; end loop; end $$;
            """);
        await using NpgsqlTransaction transaction = await session.BeginTransactionAsync();
        await session.ExecuteAsync("select begin_all(100)");
        Assert.Equal(100, await session.ScalarAsync<int>("select next_of(0, 100)"));
        await transaction.RollbackAsync();
        await using NpgsqlTransaction deep = await session.BeginTransactionAsync();
        await session.ExecuteAsync("select begin_all(2500)");
        await session.ExecuteAsync("select next_of(0, 2500)").FailsAsync(TooDeep);
        await deep.RollbackAsync();
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    [Fact]
    public async Task Endless_recursion_of_a_function()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create function endless(n int) returns int language sql as 'select endless($1 + 1)'");
        await session.ExecuteAsync("create function caught(n int) returns int language plpgsql as 'begin return caught(n + 1); exception when division_by_zero then return 0; end'");
        await session.ExecuteAsync("set statement_timeout = '60s'");
        await session.ExecuteAsync("select endless(1)").FailsAsync(TooDeep);
        await session.ExecuteAsync("select caught(1)").FailsAsync(TooDeep);
        Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
    }

    [Fact]
    public async Task What_is_deep_enough_natively_is_deep_enough()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create function down(n int) returns int language plpgsql as 'begin return case when n = 0 then 0 else down(n - 1) + 1 end; end'");
        Assert.Equal(700, await session.ScalarAsync<int>("select down(700)"));
        Assert.Equal(14_000, await session.ScalarAsync<int>("select position('1' in (repeat('[', 13999) || 1 || repeat(']', 13999))::json::text)"));
        Assert.Equal(3_501, await session.ScalarAsync<int>("select " + string.Concat(Enumerable.Repeat("1+", 3500)) + "1"));
    }

    [Fact]
    public async Task Max_stack_depth_is_what_it_is_natively()
    {
        NpgsqlConnection session = await OpenAsync();
        const string nested = "select repeat('[', 10000) || repeat(']', 10000) is json";
        Assert.True(await session.ScalarAsync<bool>(nested));
        await session.ExecuteAsync("set max_stack_depth = '100kB'");
        PostgresException error = await session.ExecuteAsync(nested).FailsAsync(TooDeep);
        Assert.Contains("currently 100kB", error.Hint, StringComparison.Ordinal);
        await session.ExecuteAsync("set max_stack_depth = '7MB'");
        Assert.True(await session.ScalarAsync<bool>(nested));
        await session.ExecuteAsync("set max_stack_depth = '1GB'").FailsAsync("22023");
        await session.ExecuteAsync("begin; set local max_stack_depth = '100kB'; rollback");
        Assert.True(await session.ScalarAsync<bool>(nested));
    }

    [Fact]
    public async Task Other_sessions_do_not_notice()
    {
        NpgsqlConnection deep = await OpenAsync();
        NpgsqlConnection other = await OpenAsync();
        await other.ExecuteAsync("create table t (v int); begin; insert into t values (1)");
        for (int i = 0; i < 20; i++)
        {
            Task<int> failing = deep.ExecuteAsync("select repeat('[', 2500000)::json");
            await other.ExecuteAsync("insert into t values (2)");
            await failing.FailsAsync(TooDeep);
        }

        await other.ExecuteAsync("commit");
        Assert.Equal(21, await deep.ScalarAsync<long>("select count(*) from t"));
    }
}
