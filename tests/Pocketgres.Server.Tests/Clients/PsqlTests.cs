using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

[Collection(ClientsServer.Name)]
public class PsqlTests(ClientsFixture fixture)
{
    TestServer Server => fixture.Server;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Select_version(bool unixSocket)
    {
        ToolResult result = (await PsqlAsync(["-Atc", "select version()"], unixSocket: unixSocket)).Succeeded();
        Assert.StartsWith("PostgreSQL 18.", result.Output, StringComparison.Ordinal);
        Assert.Equal("", result.Error);
    }

    [Fact]
    public async Task Npgsql_connects_over_the_unix_socket()
    {
        await using var connection = new NpgsqlConnection(Server.ConnectionString(host: Server.UnixSocketDirectory));
        await connection.OpenAsync();
        Assert.True(await connection.ScalarAsync<bool>("select inet_client_addr() is null"));
        await using NpgsqlConnection tcp = await Server.OpenAsync();
        Assert.Equal("127.0.0.1", await tcp.ScalarAsync<string>("select host(inet_client_addr())"));
    }

    [Fact]
    public async Task Pg_isready_says_accepting()
    {
        ToolResult result = (await Server.RunAsync("pg_isready", [])).Succeeded();
        Assert.Contains("accepting connections", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Describe_a_table()
    {
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        await using NpgsqlConnection connection = await Server.OpenAsync(database.Name);
        await connection.ExecuteAsync("create table parent (id int primary key); create table child (id int references parent, name text not null default 'x')");
        ToolResult result = (await PsqlAsync(["-c", "\\d child", "-c", "\\dt", "-c", "\\l", "-c", "\\du", "-c", "\\df pg_catalog.now"], database.Name)).Succeeded();
        Assert.Contains("\"child_id_fkey\" FOREIGN KEY (id) REFERENCES parent(id)", result.Output, StringComparison.Ordinal);
        Assert.Contains("not null", result.Output, StringComparison.Ordinal);
        Assert.Contains("timestamp with time zone", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_runs_to_its_end_or_stops_at_its_error()
    {
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        const string Script = """
            create table t (id int primary key, v text);
            insert into t select i, 'row ' || i from generate_series(1, 100) i;
            select count(*) from t;
            select 1/0;
            insert into t values (101, 'after the error');
            \echo done
            """;
        ToolResult whole = await PsqlAsync(["-At", "-f", "-"], database.Name, Script);
        Assert.Equal(0, whole.ExitCode);
        Assert.Equal("100\ndone", string.Join('\n', whole.Output.Split('\n').Where(line => line.Length > 0 && char.IsLower(line[0]) | char.IsDigit(line[0]))));
        Assert.Contains("ERROR:  division by zero", whole.Error, StringComparison.Ordinal);

        ToolResult stopped = await PsqlAsync(["-v", "ON_ERROR_STOP=1", "-1", "-f", "-"], database.Name,
            "insert into t values (102, 'rolled back');\nselect 1/0;\n\\echo not reached\n");
        Assert.Equal(3, stopped.ExitCode);
        Assert.DoesNotContain("not reached", stopped.Output, StringComparison.Ordinal);
        Assert.Equal("101", (await PsqlAsync(["-Atc", "select count(*) from t"], database.Name)).Succeeded().Output.Trim());
    }

    [Fact]
    public async Task Exit_codes_tell_a_failed_statement_from_no_connection()
    {
        ToolResult statement = await PsqlAsync(["-c", "select nonsense"]);
        Assert.Equal(1, statement.ExitCode);
        Assert.Contains("ERROR:  column \"nonsense\" does not exist", statement.Error, StringComparison.Ordinal);
        ToolResult connection = await PsqlAsync(["-c", "select 1"], "no_such_database");
        Assert.Equal(2, connection.ExitCode);
        Assert.Contains("database \"no_such_database\" does not exist", connection.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_from_and_to_a_file_of_the_client()
    {
        using var directory = new TemporaryDirectory();
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        string input = directory.Combine("in.csv");
        string output = directory.Combine("out.csv");
        await File.WriteAllLinesAsync(input, ["id,v", .. Enumerable.Range(1, 10_000).Select(i => $"{i},\"value, {i}\"")]);
        await PsqlOkAsync(database.Name, "create table t (id int, v text)", $"\\copy t from '{input}' csv header", $"\\copy t to '{output}' csv header force quote v");
        Assert.Equal(await File.ReadAllTextAsync(input), await File.ReadAllTextAsync(output));
    }

    [Fact]
    public async Task Extended_protocol_and_pipelines()
    {
        ToolResult result = (await PsqlAsync(["-At", "-f", "-"], input: """
            select $1::int + $2::int \bind 40 2 \g
            select $1::text as v \parse p
            \bind_named p hello \g
            \startpipeline
            select $1::int \bind 1 \sendpipeline
            select $1::int \bind 2 \sendpipeline
            \endpipeline
            """)).Succeeded();
        Assert.Equal(["42", "hello", "1", "2"], result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    async Task PsqlOkAsync(string database, params string[] commands) =>
        (await PsqlAsync(["-v", "ON_ERROR_STOP=1", .. commands.SelectMany(command => new[] { "-c", command })], database)).Succeeded();

    Task<ToolResult> PsqlAsync(string[] arguments, string database = "postgres", string? input = null, bool unixSocket = false) =>
        Server.RunAsync("psql", ["-X", .. arguments], database, input, unixSocket);
}
