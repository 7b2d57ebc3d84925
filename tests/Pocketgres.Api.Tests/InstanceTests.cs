using System.Net.NetworkInformation;
using Pocketgres.Api.Tests.Support;

namespace Pocketgres.Api.Tests;

/// <summary>Life of an instance, against whatever POCKETGRES_URL names.</summary>
public sealed class InstanceTests
{
    [Fact]
    public async Task Queries_through_the_data_source_and_the_connection_string()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, name text)");
        await pg.ExecuteAsync("INSERT INTO t VALUES (1, 'one')");
        await using var connection = new NpgsqlConnection(pg.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT name FROM t WHERE id = $1", connection) { Parameters = { new() { Value = 1 } } };
        Assert.Equal("one", await command.ExecuteScalarAsync());
        NpgsqlConnection.ClearPool(connection);
    }

    [Fact]
    public async Task A_named_database_is_created()
    {
        string name = "api_" + Guid.NewGuid().ToString("N")[..8];
        await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", Database = name });
        Assert.Equal(name, await pg.QueryAsync<string>("SELECT current_database()::text"));
    }

    [Fact]
    public async Task Cancelling_a_query_ends_it_and_the_pool_goes_on()
    {
        await using var pg = await Database.StartAsync();
        await using var connection = await pg.DataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand("SELECT pg_sleep(600)", connection);
        using var cancel = new CancellationTokenSource();
        var running = command.ExecuteScalarAsync(cancel.Token);
        await pg.UntilAsync($"EXISTS (SELECT FROM pg_stat_activity WHERE pid = {connection.ProcessID} AND wait_event = 'PgSleep')");
        await cancel.CancelAsync();
        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(PostgresErrorCodes.QueryCanceled, Assert.IsType<PostgresException>(e.InnerException).SqlState);
        Assert.Equal(1, await new NpgsqlCommand("SELECT 1", connection).ExecuteScalarAsync());
    }

    [Fact]
    public async Task Pooled_connections_are_reused_and_reset()
    {
        await using var pg = await Database.StartAsync();
        int first;
        await using (var connection = await pg.DataSource.OpenConnectionAsync())
        {
            first = connection.ProcessID;
            await new NpgsqlCommand("SET application_name = 'changed'", connection).ExecuteNonQueryAsync();
        }

        await using var again = await pg.DataSource.OpenConnectionAsync();
        Assert.Equal(first, again.ProcessID);
        Assert.NotEqual("changed", await new NpgsqlCommand("SHOW application_name", again).ExecuteScalarAsync());
    }

    [Fact]
    public async Task Sessions_run_side_by_side()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE counter (n int NOT NULL)");
        await pg.ExecuteAsync("INSERT INTO counter VALUES (0)");
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            for (int i = 0; i < 10; i++)
            {
                await pg.ExecuteAsync("UPDATE counter SET n = n + 1");
            }
        }));
        Assert.Equal(200, await pg.QueryAsync<int>("SELECT n FROM counter"));
    }

    [Fact]
    public async Task Notifications_copy_and_prepared_statements_work()
    {
        await using var pg = await Database.StartAsync();
        await using var listener = await pg.DataSource.OpenConnectionAsync();
        string? heard = null;
        listener.Notification += (_, e) => heard = e.Payload;
        await new NpgsqlCommand("LISTEN news", listener).ExecuteNonQueryAsync();
        await pg.ExecuteAsync("NOTIFY news, 'hello'");
        while (heard is null)
        {
            Assert.True(await listener.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        Assert.Equal("hello", heard);
        await using var connection = await pg.DataSource.OpenConnectionAsync();
        await new NpgsqlCommand("CREATE TABLE c (id int)", connection).ExecuteNonQueryAsync();
        await using (var import = await connection.BeginBinaryImportAsync("COPY c FROM STDIN (FORMAT BINARY)"))
        {
            for (int i = 0; i < 1000; i++)
            {
                await import.StartRowAsync();
                await import.WriteAsync(i);
            }

            await import.CompleteAsync();
        }

        await using var prepared = new NpgsqlCommand("SELECT count(*) FROM c WHERE id < $1", connection) { Parameters = { new() { Value = 500 } } };
        await prepared.PrepareAsync();
        Assert.Equal(500L, await prepared.ExecuteScalarAsync());
    }

    [Fact]
    public async Task States_are_announced_in_order()
    {
        var states = new List<PostgresInstanceState>();
        var pg = await Database.StartAsync(o => o with { OnStateChanged = (_, state) => states.Add(state) });
        var raised = new List<PostgresInstanceState>();
        pg.StateChanged += (_, e) => raised.Add(e.State);
        Assert.Equal(PostgresInstanceState.Running, pg.State);
        await pg.StopAsync();
        Assert.Equal(PostgresInstanceState.Stopped, await pg.Completion);
        await pg.DisposeAsync();
        Assert.Equal([PostgresInstanceState.Running, PostgresInstanceState.Stopping, PostgresInstanceState.Stopped], states);
        Assert.Equal([PostgresInstanceState.Stopping, PostgresInstanceState.Stopped], raised);
    }

    [Fact]
    public async Task Stopping_and_disposing_many_times_at_once_is_one_stop()
    {
        var pg = await Database.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => i % 2 == 0 ? pg.StopAsync() : pg.DisposeAsync().AsTask()));
        Assert.Equal(PostgresInstanceState.Stopped, pg.State);
    }

    [Fact]
    public async Task A_used_up_instance_says_what_to_do()
    {
        var pg = await Database.StartAsync();
        await pg.StopAsync();
        Assert.Contains("has been stopped", Assert.Throws<InvalidOperationException>(() => pg.DataSource).Message, StringComparison.Ordinal);
        await pg.DisposeAsync();
        Assert.Contains("await using", Assert.Throws<ObjectDisposedException>(() => pg.DataSource).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => pg.CloneAsync());
    }

    [Fact]
    public async Task Several_instances_live_in_one_process()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Database.StartAsync()));
        await Task.WhenAll(all.Select((pg, i) => pg.ExecuteAsync($"CREATE TABLE only_{i} ()")));
        for (int i = 0; i < all.Length; i++)
        {
            Assert.Equal($"only_{i}", await all[i].QueryAsync<string>("SELECT string_agg(relname::text, ',') FROM pg_class WHERE relname LIKE 'only\\_%'"));
        }

        await Task.WhenAll(all.Select(pg => pg.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task A_cancelled_start_leaves_nothing()
    {
        using var directory = new TemporaryDirectory();
        using var cancel = new CancellationTokenSource();
        string url = "file:" + directory.Below("data");
        var start = PostgresInstance.StartAsync(url, cancel.Token);
        await cancel.CancelAsync();
        try
        {
            await using var pg = await start; // it was faster
        }
        catch (OperationCanceledException)
        {
        }

        // The directory is neither locked nor half made.
        await using var again = await PostgresInstance.StartAsync(url);
        Assert.Equal(1, await again.QueryAsync<int>("SELECT 1"));
    }

    [Fact]
    public async Task No_port_is_open_unless_asked_for()
    {
        await using var quiet = await PostgresInstance.StartAsync("memory:");
        Assert.Null(quiet.Port);
        await using var open = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Port = 0 });
        var listening = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners();
        Assert.Contains(listening, l => l.Port == open.Port);
        await using var tcp = new NpgsqlConnection($"Host=127.0.0.1;Port={open.Port};Username=postgres;Pooling=false");
        await tcp.OpenAsync();
        Assert.StartsWith("postgres://postgres@127.0.0.1:", open.ConnectionUrl, StringComparison.Ordinal);
        Assert.Equal("", await quiet.QueryAsync<string>("SHOW listen_addresses"));
    }

    [Fact]
    public async Task The_socket_is_for_this_user_only_and_goes_with_the_instance()
    {
        string directory;
        await using (var pg = await PostgresInstance.StartAsync("memory:"))
        {
            directory = new NpgsqlConnectionStringBuilder(pg.ConnectionString).Host!;
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory));
            Assert.True(File.Exists(Path.Combine(directory, ".s.PGSQL.5432")));
        }

        Assert.False(Directory.Exists(directory));
    }

    [Fact]
    public async Task A_directory_keeps_its_data_and_has_one_user()
    {
        using var directory = new TemporaryDirectory();
        string url = "file:" + directory.Below("data");
        await using (var pg = await PostgresInstance.StartAsync(url))
        {
            await pg.ExecuteAsync("CREATE TABLE kept AS SELECT 42 AS answer");
            var e = await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync(url));
            Assert.Equal(PocketgresError.DirectoryInUse, e.Error);
        }

        await using var again = await PostgresInstance.StartAsync(url);
        Assert.Equal(42, await again.QueryAsync<int>("SELECT answer FROM kept"));
    }

    [Fact]
    public async Task Settings_reach_the_server()
    {
        await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Settings = { ["work_mem"] = "7MB" } });
        Assert.Equal("7MB", await pg.QueryAsync<string>("SHOW work_mem"));
    }

    [Fact]
    public async Task A_crashed_backend_is_recovered_from_and_a_dead_server_is_reported()
    {
        const int Postmaster = 42;
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await pg.ExecuteAsync("CREATE TABLE t AS SELECT 1 AS n");
        var server = ((Backends.EmbeddedBackend)pg.Backend).Server;
        await using (var connection = await pg.DataSource.OpenConnectionAsync())
        {
            Assert.True(server.CrashProcess(connection.ProcessID));
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => new NpgsqlCommand("SELECT pg_sleep(600)", connection).ExecuteNonQueryAsync());
        }

        // The pool's other connections died with it; connections are refused until recovery is done.
        pg.DataSource.Clear();
        using (var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1)))
        {
            while (true)
            {
                try
                {
                    Assert.Equal(1, await pg.QueryAsync<int>("SELECT n FROM t"));
                    break;
                }
                catch (NpgsqlException) when (!patience.IsCancellationRequested)
                {
                    await Task.Yield();
                }
            }
        }

        Assert.Equal(PostgresInstanceState.Running, pg.State);
        server.CrashProcess(Postmaster);
        Assert.Equal(PostgresInstanceState.Failed, await pg.Completion.WaitAsync(TimeSpan.FromMinutes(1)));
        Assert.Equal(PostgresInstanceState.Failed, pg.State);
        Assert.Contains("ended by itself", Assert.Throws<InvalidOperationException>(() => pg.DataSource).Message, StringComparison.Ordinal);
        var e = await Assert.ThrowsAsync<PocketgresException>(() => pg.CloneAsync());
        Assert.Contains("what it had in memory is gone", e.Message, StringComparison.Ordinal);
    }
}
