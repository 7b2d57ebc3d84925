using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>
/// pg_recvlogical and the server, killed again and again while rows are written: each committed row arrives at least once and in the order of
/// the commits. POCKETGRES_REPLICATION_KILLS says how often (default 4).
/// </summary>
public partial class KillTests
{
    const string Slot = "killed";

    [Fact]
    public async Task Nothing_is_lost_when_consumer_and_server_are_killed()
    {
        int kills = int.Parse(Environment.GetEnvironmentVariable("POCKETGRES_REPLICATION_KILLS") ?? "4", CultureInfo.InvariantCulture);
        using var directory = new TemporaryDirectory();
        string file = directory.Combine("received");
        var options = new ServerOptions { DataDirectory = directory.Combine("data") };
        var random = new Random(20_25);
        TestServer server = await TestServer.StartAsync(options);
        Process? consumer = null;
        try
        {
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await session.ExecuteAsync("create table ledger (id int primary key, filler text)");
                await session.ExecuteAsync($"select pg_create_logical_replication_slot('{Slot}', 'test_decoding')");
            }

            int written = 0;
            for (int kill = 0; kill < kills; kill++)
            {
                consumer = await StartConsumerAsync(server, file, consumer);
                bool killServer = kill % 2 == 1;
                int until = written + random.Next(5, 120);
                if (killServer)
                {
                    // In the middle of a write: whether that row is there decides the server, not the client.
                    Task<int> writer = Task.Run(() => WriteAsync(server, written, int.MaxValue));
                    await Wait.UntilAsync(async () => writer.IsCompleted || await CountAsync(file) >= until, "the consumer receives");
                    Assert.False(writer.IsCompleted, writer.Exception?.ToString());
                    await server.KillAsync();
                    int acknowledged = await writer;
                    await server.DisposeAsync();
                    server = await TestServer.StartAsync(options);
                    await using NpgsqlConnection session = await server.OpenAsync();
                    written = await session.ScalarAsync<int>("select coalesce(max(id), 0) from ledger");
                    Assert.InRange(written, acknowledged, acknowledged + 1);
                }
                else
                {
                    written = await WriteAsync(server, written, until);
                    consumer.Kill();
                    await consumer.WaitForExitAsync();
                }
            }

            consumer = await StartConsumerAsync(server, file, consumer);
            written = await WriteAsync(server, written, written + 10);
            await Wait.UntilAsync(async () => (await ReceivedAsync(file)).Contains(written), "the last row arrives");
            List<int> received = await ReceivedAsync(file);
            Assert.Equal(Enumerable.Range(1, written), received.Distinct());
            Assert.True(written > kills * 5, $"only {written} rows were written");
            consumer.Kill();
            await consumer.WaitForExitAsync();
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await Wait.UntilAsync(() => session.ScalarAsync<bool>("select not active from pg_replication_slots"), "the slot is free");
            }

            Assert.Equal(0, await server.StopAsync());
        }
        finally
        {
            consumer?.Kill();
            consumer?.Dispose();
            await server.DisposeAsync();
        }
    }

    /// <summary>One row a transaction until an id, or until the server is gone; returns the last that was acknowledged.</summary>
    static async Task<int> WriteAsync(TestServer server, int from, int until)
    {
        int written = from;
        try
        {
            await using var connection = new NpgsqlConnection(server.ConnectionString() + ";Pooling=false");
            await connection.OpenAsync();
            while (written < until)
            {
                await connection.ExecuteAsync("insert into ledger values ($1, repeat('x', 500))", written + 1);
                written++;
            }
        }
        catch (NpgsqlException) when (until == int.MaxValue)
        {
        }

        return written;
    }

    /// <summary>A new pg_recvlogical, as soon as the slot's last one is gone.</summary>
    static async Task<Process> StartConsumerAsync(TestServer server, string file, Process? previous)
    {
        if (previous is not null)
        {
            if (!previous.HasExited)
            {
                previous.Kill();
                await previous.WaitForExitAsync();
            }

            previous.Dispose();
        }

        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await Wait.UntilAsync(() => session.ScalarAsync<bool>("select not active from pg_replication_slots"), "the slot is free");
        }

        var start = new ProcessStartInfo(Workspace.Pg18("pg_recvlogical"), ["--start", "-S", Slot, "-d", "postgres", "-f", file, "--no-loop", "-F", "1", "-s", "1", "-o", "skip-empty-xacts"]);
        foreach ((string name, string value) in server.Environ())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    static async Task<int> CountAsync(string file) => (await ReceivedAsync(file)).Distinct().Count();

    // A kill may cut a line off: the next run writes on behind it.
    static async Task<List<int>> ReceivedAsync(string file) => !File.Exists(file)
        ? []
        : [.. Row().Matches(await File.ReadAllTextAsync(file)).Select(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"table public\.ledger: INSERT: id\[integer\]:(\d+) filler\[text\]:'x{500}'")]
    private static partial Regex Row();
}
