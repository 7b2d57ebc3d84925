using System.Globalization;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>A consumer of a replication slot, over lives of a server that sleeps and is killed.</summary>
public sealed class SlotTests : IDisposable
{
    readonly ITestOutputHelper _output;
    readonly MemoryObjectStore _store = new();
    readonly S3Server _server;

    public SlotTests(ITestOutputHelper output)
    {
        _output = output;
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task A_consumer_misses_nothing_over_sleeps_and_kills()
    {
        int cycles = int.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_SLOT_CYCLES"), CultureInfo.InvariantCulture, out int wanted) ? wanted : 3;
        var server = await StartAsync();
        int written = 0, seen = 0, again = 0;
        bool wasKilled = false;
        try
        {
            for (int cycle = 0; cycle < cycles; cycle++)
            {
                await using (var session = await server.OpenAsync())
                {
                    if (cycle == 0)
                    {
                        await session.ExecuteAsync("create table t (i int)");
                        await session.ScalarAsync<string>("select slot_name::text from pg_create_logical_replication_slot('consumer', 'test_decoding')");
                    }

                    // What the last life has left, and half of this one's.
                    foreach (bool isLast in (bool[])[false, true])
                    {
                        foreach (int i in await ConsumeAsync(session))
                        {
                            Assert.True(i == seen + 1 || (wasKilled && i <= seen), $"after {seen} came {i}");
                            again += i <= seen ? 1 : 0;
                            seen = Math.Max(seen, i);
                        }

                        Assert.Equal(written, seen);
                        for (int n = 0; n < 10; n++)
                        {
                            await session.ExecuteAsync($"insert into t values ({++written})");
                        }

                        wasKilled &= isLast; // only the first reading may bring what was read before
                    }

                    await session.CloseAsync();
                }

                wasKilled = cycle == 1 || cycle == cycles - 2;
                if (wasKilled)
                {
                    await server.KillAsync();
                    await server.DisposeAsync();
                    server = await StartAsync();
                }
                else
                {
                    await Wait.UntilAsync(async () => (await _store.ListAsync("bucket/cluster/" + Keys.Live)).Entries.Count == 0, "it sleeps");
                }
            }
        }
        finally
        {
            await server.DisposeAsync();
        }

        _output.WriteLine($"{cycles} lives, {seen} changes in order, {again} of them twice, after a kill");
        Assert.Equal((cycles * 20) - 10, seen);
    }

    static async Task<List<int>> ConsumeAsync(NpgsqlConnection session) =>
        await session.ColumnAsync<int>("select substring(data from '\\[integer\\]:(\\d+)')::int from pg_logical_slot_get_changes('consumer', null, null) where data like '%INSERT%'");

    // A session that has done nothing for the idle time is closed; on a starved machine a test may take long between two statements.
    Task<CliServer> StartAsync() => CliServer.StartAsync(
    [
        "serve", $"s3://bucket/cluster?endpoint={_server.Endpoint}&puts=0&idle=3s", "--port", "0", "-c", "wal_level=logical",
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
    ]);
}
