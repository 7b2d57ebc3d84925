using Pocketgres.Cli.Sql;
using Pocketgres.Cli.Tests.Support;

namespace Pocketgres.Cli.Tests;

/// <summary><c>sql</c> as a process.</summary>
public sealed class SqlTests(MemoryServer server) : IClassFixture<MemoryServer>
{
    [Fact]
    public async Task Commands_and_files_run_in_the_order_they_are_given_and_rows_are_a_table()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("two.sql", "INSERT INTO t VALUES (1, E'a\\nb'), (22, NULL);\nCREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;");
        var result = await CliProcess.RunAsync("sql", await server.CreateDatabaseAsync(), "-c", "CREATE TABLE t (id int, name text)", "-f", file, "-c", "SELECT * FROM t; SELECT f()");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal("CREATE\nINSERT 2\nCREATE\n id | name \n----+------\n  1 | a   +\n    | b\n 22 | \n(2 rows)\n\n f \n---\n 2\n(1 row)\n\n", result.Output);
    }

    [Fact]
    public async Task Json_and_csv_keep_types_nulls_and_quotes()
    {
        string url = await server.CreateDatabaseAsync();
        const string Query = "SELECT 1::bigint AS n, 1.50 AS d, true AS b, NULL::int AS z, 'a \"b\"' AS s, '' AS e, '{\"x\": [1]}'::jsonb AS j, 'NaN'::float8 AS f, ARRAY[1,2] AS a";
        var json = await CliProcess.RunAsync("sql", url, "--format", "json", "-c", Query, "-c", "SELECT 1 AS x WHERE false");
        Assert.Equal("[\n{\"n\":1,\"d\":1.50,\"b\":true,\"z\":null,\"s\":\"a \\\"b\\\"\",\"e\":\"\",\"j\":{\"x\": [1]},\"f\":\"NaN\",\"a\":\"{1,2}\"}\n]\n[]\n", json.Output);
        var csv = await CliProcess.RunAsync("sql", url, "--format", "csv", "-c", Query);
        Assert.Equal("n,d,b,z,s,e,j,f,a\n1,1.50,t,,\"a \"\"b\"\"\",\"\",\"{\"\"x\"\": [1]}\",NaN,\"{1,2}\"\n", csv.Output);
    }

    [Fact]
    public async Task Standard_input_is_the_script_or_the_data_of_copy()
    {
        string url = await server.CreateDatabaseAsync();
        var script = await CliProcess.RunAsync("CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n1\tx;\n\\.\nCOPY t TO stdout;", ["sql", url]);
        Assert.Equal((0, "CREATE\n1\tx;\n"), (script.ExitCode, script.Output));
        Assert.Equal(0, (await CliProcess.RunAsync("2\ty\n3\tz\n", ["sql", url, "-c", "COPY t FROM stdin"])).ExitCode);
        Assert.Equal(["3"], await MemoryServer.QueryAsync(url, "SELECT count(*) FROM t"));
    }

    [Fact]
    public async Task The_first_error_ends_it_and_one_transaction_undoes_everything()
    {
        string url = await server.CreateDatabaseAsync();
        var result = await CliProcess.RunAsync("CREATE TABLE t ();\nSELECT nothing;\nCREATE TABLE u ();", ["sql", url]);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("pocketgres: stdin:2: ERROR: 42703: column \"nothing\" does not exist", result.Error, StringComparison.Ordinal);
        Assert.Equal(["t"], await MemoryServer.QueryAsync(url, "SELECT relname FROM pg_class WHERE relname IN ('t', 'u')"));
        result = await CliProcess.RunAsync("sql", url, "-1", "-c", "CREATE TABLE u ()", "-c", "SELECT nothing");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(["t"], await MemoryServer.QueryAsync(url, "SELECT relname FROM pg_class WHERE relname IN ('t', 'u')"));
    }

    [Theory]
    [InlineData("select :x, :'x', :\"x\", ':x', \":x\", a::x, $$:x$$ -- :x\n, :y", "select a'b, 'a''b', \"a'b\", ':x', \":x\", a::x, $$:x$$ -- :x\n, :y")]
    [InlineData("select /* :x */ E'\\':x', ARRAY[1][1:2]", "select /* :x */ E'\\':x', ARRAY[1][1:2]")]
    public void Variables(string sql, string expected) =>
        Assert.Equal(expected, SqlVariables.Replace(sql, new Dictionary<string, string> { ["x"] = "a'b" }));

    [Theory]
    [InlineData(2, "table, csv or json", "--format", "xml")]
    [InlineData(2, "name=value", "-v", "x")]
    [InlineData(2, "/no/such cannot be read", "-f", "/no/such")]
    [InlineData(1, "-c:1: \\d is a command of psql", "-c", "\\d")]
    public async Task Errors_are_one_line(int code, string expected, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(["sql", await server.CreateDatabaseAsync(), .. arguments]);
        Assert.Equal(code, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }
}
