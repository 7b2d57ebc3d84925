using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>What a new cluster in a bucket is made with: password, database, init scripts, initdb's arguments.</summary>
public sealed class NewClusterTests : IDisposable
{
    readonly MemoryObjectStore _store = new();
    readonly S3Server _server;
    readonly TemporaryDirectory _directory = new();

    public NewClusterTests() => _server = TestCredentials.Serve(_store);

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task It_is_made_once_with_all_that_was_asked_for()
    {
        Write("1.sql", "create table made as select 1 as i");
        await using (CliServer first = await StartAsync("secret"))
        {
            await using NpgsqlConnection ann = await OpenAsync(first, "secret");
            await ann.ExecuteAsync("insert into made values (2)");
            await first.KillAsync();
        }

        Write("2.sql", "create table made_again ()");
        await using CliServer second = await StartAsync("secret");
        await using (NpgsqlConnection ann = await OpenAsync(second, "secret"))
        {
            Assert.Equal("2 on -", await ann.ScalarAsync<string>("select count(*) || ' ' || current_setting('data_checksums') || ' ' || coalesce(to_regclass('made_again')::text, '-') from made"));
        }

        var refused = await Assert.ThrowsAsync<PostgresException>(() => OpenAsync(second, "wrong"));
        Assert.Equal("28P01", refused.SqlState);
    }

    [Fact]
    public async Task A_script_that_fails_leaves_no_cluster()
    {
        Write("1.sql", "create table made (i int)");
        Write("2.sql", "select 1 / 0");
        ToolResult failed = await CliServer.RunToEndAsync(Variables("secret"), Arguments());
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("2.sql", failed.Error, StringComparison.Ordinal);
        Assert.Empty((await _store.ListAsync("bucket/cluster/man/")).Entries);

        Write("2.sql", "insert into made values (7)");
        await using CliServer server = await StartAsync("secret");
        await using NpgsqlConnection ann = await OpenAsync(server, "secret");
        Assert.Equal(7, await ann.ScalarAsync<int>("select i from made"));
    }

    void Write(string name, string sql) => File.WriteAllText(_directory.Combine(name), sql);

    Task<CliServer> StartAsync(string password) => CliServer.StartAsync(Arguments(), environment: Variables(password));

    string[] Arguments() =>
    [
        "serve", $"s3://bucket/cluster?endpoint=http://127.0.0.1:{_server.Port}&takeover=true", "--port", "0", "--init", _directory.Path,
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
    ];

    static Dictionary<string, string> Variables(string password) => new()
    {
        ["POSTGRES_USER"] = "ann", ["POSTGRES_PASSWORD"] = password, ["POSTGRES_DB"] = "shop", ["POSTGRES_INITDB_ARGS"] = "--data-checksums",
    };

    static async Task<NpgsqlConnection> OpenAsync(CliServer server, string password)
    {
        var connection = new NpgsqlConnection($"Host=127.0.0.1;Port={server.Port};Username=ann;Password={password};Database=shop;Pooling=false");
        await connection.OpenAsync();
        return connection;
    }
}
