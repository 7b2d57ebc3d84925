using System.Net.Sockets;
using System.Reflection;
using Npgsql.Internal;
using Pocketgres.Backends;
using Pocketgres.Connections;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Api.Tests;

#pragma warning disable NPG9001 // Npgsql's connector is marked experimental.

/// <summary>Npgsql's connections through memory. Most other tests of this project use them too, without looking at them.</summary>
public sealed class MemoryTransportTests
{
    [Fact]
    public void Npgsql_is_made_as_it_must_be() => Assert.True(MemoryTransport.IsAvailable, "another Npgsql: see MemoryTransport.ConnectorParts");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_pool_goes_through_memory_and_a_connection_string_through_a_socket(bool asynchronous)
    {
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await using var pooled = asynchronous ? await pg.DataSource.OpenConnectionAsync() : pg.DataSource.OpenConnection();
        Assert.IsType<MemoryConnectionStream>(StreamOf(pooled));
        await using var alone = new NpgsqlConnection(pg.ConnectionString + ";Pooling=false");
        await alone.OpenAsync();
        Assert.IsType<NetworkStream>(StreamOf(alone));
        foreach (var connection in new[] { pooled, alone })
        {
            await using var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection);
            Assert.Equal(connection.ProcessID, asynchronous ? await command.ExecuteScalarAsync() : command.ExecuteScalar());
        }
    }

    [Fact]
    public async Task It_can_be_switched_off_and_an_initializer_of_the_application_takes_its_place()
    {
        await using var without = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", UseMemoryTransport = false });
        await using var plain = await without.DataSource.OpenConnectionAsync();
        Assert.IsType<NetworkStream>(StreamOf(plain));
        int initialized = 0;
        await using var own = await PostgresInstance.StartAsync(new PostgresInstanceOptions
        {
            Url = "memory:",
            ConfigureDataSource = b => b.UsePhysicalConnectionInitializer(_ => initialized++, _ => Task.FromResult(initialized++)),
        });
        await using var connection = await own.DataSource.OpenConnectionAsync();
        Assert.Equal(1, initialized);
        Assert.IsType<NetworkStream>(StreamOf(connection));
    }

    [Fact]
    public async Task Multiplexed_connections_stay_on_their_sockets()
    {
        await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", ConfigureConnection = c => c.Multiplexing = true });
        await using var command = pg.DataSource.CreateCommand("SELECT 7");
        Assert.Equal(7, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_further_pool_reaches_another_database_through_memory()
    {
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await using (var create = pg.DataSource.CreateCommand("CREATE DATABASE other"))
        {
            await create.ExecuteNonQueryAsync();
        }

        var builder = pg.CreateDataSourceBuilder();
        builder.ConnectionStringBuilder.Database = "other";
        await using var other = builder.Build();
        await using var connection = await other.OpenConnectionAsync();
        Assert.IsType<MemoryConnectionStream>(StreamOf(connection));
        Assert.Equal("other", await new NpgsqlCommand("SELECT current_database()::text", connection).ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_pool_of_one_instance_that_is_led_to_another_one_stays_on_sockets()
    {
        await using var one = await PostgresInstance.StartAsync("memory:");
        await using var two = await PostgresInstance.StartAsync("memory:");
        await using var witness = await one.DataSource.OpenConnectionAsync(); // its process id may be the one of the session there
        var builder = one.CreateDataSourceBuilder();
        builder.ConnectionStringBuilder.Host = new NpgsqlConnectionStringBuilder(two.ConnectionString).Host;
        await using var led = builder.Build();
        await using var connection = await led.OpenConnectionAsync();
        Assert.IsType<NetworkStream>(StreamOf(connection));
        Assert.Equal(1, await new NpgsqlCommand("SELECT 1", connection).ExecuteScalarAsync());
        Assert.Equal(1, await new NpgsqlCommand("SELECT 1", witness).ExecuteScalarAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Large_values_and_copies_pass_in_both_directions(bool asynchronous)
    {
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await using var connection = await pg.DataSource.OpenConnectionAsync();
        byte[] large = new byte[5_000_000];
        new Random(3).NextBytes(large);
        await using var echo = new NpgsqlCommand("SELECT $1", connection) { Parameters = { new() { Value = large } } };
        Assert.Equal(large, asynchronous ? await echo.ExecuteScalarAsync() : echo.ExecuteScalar());
        await new NpgsqlCommand("CREATE TABLE c (n int)", connection).ExecuteNonQueryAsync();
        using (var writer = connection.BeginBinaryImport("COPY c FROM STDIN BINARY"))
        {
            for (int i = 0; i < 100_000; i++)
            {
                writer.StartRow();
                writer.Write(i);
            }

            Assert.Equal(100_000ul, asynchronous ? await writer.CompleteAsync() : writer.Complete());
        }

        await using var rows = new NpgsqlCommand("SELECT n FROM c ORDER BY n", connection);
        await using var reader = asynchronous ? await rows.ExecuteReaderAsync() : rows.ExecuteReader();
        for (int i = 0; i < 100_000; i++)
        {
            Assert.True(asynchronous ? await reader.ReadAsync() : reader.Read());
            Assert.Equal(i, reader.GetInt32(0));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_command_that_takes_too_long_is_cancelled_and_the_connection_goes_on(bool asynchronous)
    {
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await using var connection = await pg.DataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand("SELECT pg_sleep(600)", connection) { CommandTimeout = 1 };
        var e = await Assert.ThrowsAsync<NpgsqlException>(async () => _ = asynchronous ? await command.ExecuteScalarAsync() : command.ExecuteScalar());
        Assert.IsType<TimeoutException>(e.InnerException);
        command.CommandText = "SELECT 1";
        Assert.Equal(1, asynchronous ? await command.ExecuteScalarAsync() : command.ExecuteScalar());
        Assert.IsType<MemoryConnectionStream>(StreamOf(connection));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_session_that_is_ended_or_crashes_is_an_error_and_the_pool_goes_on(bool crash)
    {
        await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:" });
        await using (var connection = await pg.DataSource.OpenConnectionAsync())
        {
            await using var sleep = new NpgsqlCommand("SELECT pg_sleep(600)", connection);
            var sleeping = sleep.ExecuteScalarAsync();
            if (crash)
            {
                Assert.True(((EmbeddedBackend)pg.Backend).Server.CrashProcess(connection.ProcessID));
            }
            else
            {
                await using var end = pg.DataSource.CreateCommand($"SELECT pg_terminate_backend({connection.ProcessID})");
                await end.ExecuteScalarAsync();
            }

            await Assert.ThrowsAnyAsync<NpgsqlException>(() => sleeping);
        }

        pg.DataSource.Clear();
        object? answer = null;
        for (var deadline = DateTime.UtcNow.AddSeconds(60); answer is null && DateTime.UtcNow < deadline;)
        {
            try
            {
                await using var command = pg.DataSource.CreateCommand("SELECT 1");
                answer = await command.ExecuteScalarAsync();
            }
            catch (NpgsqlException)
            {
                await Task.Delay(10); // the server recovers
            }
        }

        Assert.Equal(1, answer);
    }

    [Fact]
    public async Task Closing_a_connection_ends_its_session()
    {
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await using var watcher = new NpgsqlConnection(pg.ConnectionString + ";Pooling=false");
        await watcher.OpenAsync();
        var opened = new List<NpgsqlConnection>();
        for (int i = 0; i < 5; i++)
        {
            opened.Add(await pg.DataSource.OpenConnectionAsync());
        }

        const string count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
        Assert.Equal(6L, await new NpgsqlCommand(count, watcher).ExecuteScalarAsync());
        foreach (var connection in opened)
        {
            await connection.DisposeAsync();
        }

        pg.DataSource.Clear();
        var deadline = DateTime.UtcNow.AddSeconds(60);
        while (!1L.Equals(await new NpgsqlCommand(count, watcher).ExecuteScalarAsync()))
        {
            Assert.True(DateTime.UtcNow < deadline, "sessions without clients");
            await Task.Delay(5);
        }
    }

    private static object? StreamOf(NpgsqlConnection connection)
    {
        const BindingFlags hidden = BindingFlags.Instance | BindingFlags.NonPublic;
        object? connector = typeof(NpgsqlConnection).GetProperty("Connector", hidden)!.GetValue(connection);
        return typeof(NpgsqlConnector).GetField("_stream", hidden)!.GetValue(connector);
    }
}
