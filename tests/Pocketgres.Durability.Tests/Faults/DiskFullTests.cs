using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Faults;

/// <summary>A disk that is full, and then is not.</summary>
public class DiskFullTests
{
    [Fact]
    public async Task A_table_that_finds_no_room_is_an_error_and_work_goes_on_when_there_is()
    {
        using var memory = new MemoryFileSystem();
        await using EmbeddedServer server = await EmbeddedServer.StartAsync(new FaultFileSystem(memory));
        await using NpgsqlConnection bystander = await server.OpenAsync();
        await using NpgsqlConnection victim = await server.OpenAsync();
        await bystander.ExecuteAsync("create table t (i int, v text)");
        await bystander.ExecuteAsync("create unlogged table u (i int, v text)"); // its rows take no log
        await bystander.ExecuteAsync("insert into t values (1, 'before')");
        memory.SizeLimit = memory.UsedBytes + (3 << 20);

        PostgresException full = await victim.ExecuteAsync("insert into u select i, repeat('x', 1000) from generate_series(1, 20000) i").FailsAsync("53100");
        Assert.True(full.Severity == "ERROR", full + "\n" + server.LogTail);
        Assert.Contains("No space left on device", full.MessageText, StringComparison.Ordinal);
        Assert.Equal("before", await bystander.ScalarAsync<string>("select v from t where i = 1"));
        Assert.Equal(0, await bystander.ScalarAsync<long>("select count(*) from u"));

        // Npgsql gives a connection up after such an error; the server would not.
        await using NpgsqlConnection session = await server.OpenAsync();
        Assert.Equal("before", await session.ScalarAsync<string>("select v from t"));

        // Room is made by the database itself.
        await bystander.ExecuteAsync("drop table u");
        await bystander.ExecuteAsync("create unlogged table u (i int, v text)");
        await bystander.ExecuteAsync("insert into u select i, repeat('x', 1000) from generate_series(1, 1000) i");
        memory.SizeLimit = long.MaxValue;
        await bystander.ExecuteAsync("insert into u select i, repeat('x', 1000) from generate_series(1, 20000) i; insert into t values (2, 'after')");
        await server.Cluster.StopAsync();
        Assert.DoesNotContain(server.Log, e => e.Severity == "PANIC");
    }

    [Fact]
    public async Task A_log_that_finds_no_room_stops_the_server_and_loses_nothing()
    {
        using var memory = new MemoryFileSystem();
        var acknowledged = 0;
        await using (EmbeddedServer server = await EmbeddedServer.StartAsync(new FaultFileSystem(memory)))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t (i int primary key, v text)");
            memory.SizeLimit = memory.UsedBytes + (8 << 20); // less than one more segment of the log
            try
            {
                for (int i = 1; i <= 5000; i++)
                {
                    await session.ExecuteAsync($"insert into t values ({i}, ''); select pg_logical_emit_message(true, 'filler', repeat('x', 20000))");
                    acknowledged = i;
                }

                Assert.Fail("it never noticed");
            }
            catch (NpgsqlException)
            {
                // The log could not grow: PANIC, as with Postgres.
            }

            await Wait.UntilAsync(() => server.Log.Any(e => e.Severity == "PANIC" && e.Message.Contains("No space left on device", StringComparison.Ordinal)), "the panic");
        }

        Assert.True(acknowledged > 100, $"only {acknowledged} rows");
        memory.SizeLimit = long.MaxValue;
        await using EmbeddedServer restarted = await EmbeddedServer.StartAsync(new FaultFileSystem(memory));
        await using NpgsqlConnection check = await restarted.OpenAsync();
        Assert.InRange(await check.ScalarAsync<int>("select max(i) from t"), acknowledged, acknowledged + 1);
        Assert.Equal(await check.ScalarAsync<long>("select max(i) from t"), await check.ScalarAsync<long>("select count(*) from t"));
        await check.ExecuteAsync("insert into t values (10000, 'after')");
    }

    [Fact]
    public async Task A_first_start_without_room_says_so()
    {
        using var memory = new MemoryFileSystem(sizeLimit: 10 << 20);
        var e = await Assert.ThrowsAsync<ClusterException>(() => EmbeddedServer.StartAsync(memory));
        Assert.Equal(ClusterError.DirectoryNotAccessible, e.Error);
        Assert.Contains("no space left on device", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, memory.UsedBytes);
    }
}
