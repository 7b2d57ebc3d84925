using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres host`: many clusters behind one port.</summary>
public sealed class HostTests : IDisposable
{
    readonly MeteredObjectStore _store = new(new MemoryObjectStore());
    readonly S3Server _server;

    public HostTests()
    {
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task Few_are_awake_and_all_answer()
    {
        await using var host = await StartAsync("3s", "--create", "--max-awake", "3", "--wait", "30", "--http", "0");
        int failed = 0;
        for (int round = 0; round < 2; round++)
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, 6), new ParallelOptions { MaxDegreeOfParallelism = 3 }, async (i, _) =>
            {
                try
                {
                    await using var session = await OpenAsync(host, $"t{i}");
                    await session.ExecuteAsync($"create table if not exists own (tenant int); insert into own values ({i})");
                    Assert.Equal(i, await session.ScalarAsync<int>("select max(tenant) from own"));
                    Assert.Equal("postgres", await session.ScalarAsync<string>("select current_database()"));
                    await session.CloseAsync();
                }
                catch (NpgsqlException e)
                {
                    Interlocked.Increment(ref failed);
                    Console.Error.WriteLine(e);
                }
            });
        }

        Assert.Equal(0, failed);
        await using (var session = await OpenAsync(host, "t1"))
        {
            await session.ExecuteAsync("create database own");
            await session.CloseAsync();
        }

        await using (var other = await OpenAsync(host, "t1/own"))
        {
            Assert.Equal("own", await other.ScalarAsync<string>("select current_database()"));

            // The request to cancel names no tenant.
            await using var observer = await OpenAsync(host, "t1");
            await other.CancelsByTokenAsync(observer);
            await observer.CloseAsync();
            await other.CloseAsync();
        }

        foreach (string hostile in (string[])["../t1", "t1%2f..", "T1", "..", "тест", "t.1", new string('a', 64), "/x", "t1/", "-t"])
        {
            Assert.Equal("3D000", (await Assert.ThrowsAsync<PostgresException>(() => OpenAsync(host, hostile))).SqlState);
        }

        int port = System.Text.Json.JsonDocument.Parse(host.ReadyLine).RootElement.GetProperty("httpPort").GetInt32();
        using var client = new HttpClient();
        string metrics = await client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"));
        Assert.Contains("pocketgres_tenant_wakes_total{tenant=\"t1\"}", metrics, StringComparison.Ordinal);
        Assert.Contains("pocketgres_tenant_requests_total{tenant=\"t1\",kind=\"put\"}", metrics, StringComparison.Ordinal);
        await WaitForSleepAsync();
        long requests = _store.Requests;
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        Assert.Equal(requests, _store.Requests);
        Assert.Equal(0, await host.StopAsync());
    }

    [Fact]
    public async Task A_tenant_that_is_not_there_or_has_no_place_is_told()
    {
        foreach (bool isFreed in (bool[])[false, true])
        {
            await using var host = await StartAsync("60s", "--create", "--max-awake", "1", "--wait", isFreed ? "60" : "1");
            await using var busy = await OpenAsync(host, "busy");
            await busy.ExecuteAsync("begin");
            var opening = OpenAsync(host, "other");
            if (isFreed)
            {
                await busy.ExecuteAsync("commit");
                await busy.CloseAsync();
                await using var other = await opening;
                Assert.Equal(1, await other.ScalarAsync<int>("select 1"));
                await other.CloseAsync();
            }
            else
            {
                Assert.Equal("53300", (await Assert.ThrowsAsync<PostgresException>(() => opening)).SqlState);
                await busy.ExecuteAsync("commit");
                await busy.CloseAsync();
            }

            Assert.Equal(0, await host.StopAsync());
        }

        await using var closed = await StartAsync("60s");
        var unknown = await Assert.ThrowsAsync<PostgresException>(() => OpenAsync(closed, "nobody"));
        Assert.Equal("3D000", unknown.SqlState);
        Assert.DoesNotContain((await _store.ListAsync("bucket/all/nobody")).Entries, _ => true);
        Assert.Equal(0, await closed.StopAsync());
    }

    Task<CliServer> StartAsync(string idle, params string[] arguments) => CliServer.StartAsync(
    [
        "host", $"s3://bucket/all?endpoint={_server.Endpoint}&puts=0&idle={idle}", "--port", "0",
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. arguments,
    ]);

    Task WaitForSleepAsync() =>
        Wait.UntilAsync(async () => !(await _store.ListAsync("bucket/all/")).Entries.Any(e => e.Key.Contains("/live/", StringComparison.Ordinal)), "the clusters sleep");

    static async Task<NpgsqlConnection> OpenAsync(CliServer host, string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1", Port = host.Port, Username = "postgres", Database = database, Pooling = false, Timeout = 60, CancellationTimeout = 30_000,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
