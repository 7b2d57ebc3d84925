using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using static Pocketgres.Engine.Tests.Clusters;

namespace Pocketgres.Engine.Tests;

/// <summary>Clusters as objects: several in one .NET process, started and stopped in any order, leaving nothing behind.</summary>
public sealed class ClusterTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Several_clusters_live_in_one_process_and_stop_in_any_order()
    {
        var clusters = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StartAsync()));
        try
        {
            var identifiers = new HashSet<string>();
            for (int i = 0; i < clusters.Length; i++)
            {
                await ExecuteAsync(clusters[i], $"create table mine (v int); insert into mine values ({i})");
                identifiers.Add(await QueryAsync(clusters[i], "select system_identifier::text from pg_control_system()"));
            }

            Assert.Equal(3, identifiers.Count);
            Assert.Equal(3, clusters.Select(c => c.Port).Distinct().Count());

            await clusters[1].StopAsync();
            Assert.Equal("0", await QueryAsync(clusters[0], "select v::text from mine"));
            await using (var late = await StartAsync())
            {
                Assert.Equal("0", await QueryAsync(late, "select count(*)::text from pg_class where relname = 'mine'"));
            }

            await clusters[0].StopAsync();
            Assert.Equal("2", await QueryAsync(clusters[2], "select v::text from mine"));
        }
        finally
        {
            foreach (var cluster in clusters)
            {
                await cluster.DisposeAsync();
            }
        }

        Assert.All(clusters, c => Assert.Equal(0, c.Completion.Result));
    }

    [Fact]
    public async Task Sessions_start_with_the_catalog_caches_that_the_postmaster_made()
    {
        await using var cluster = await StartAsync();
        // Newest first: the session makes the table of its locks before it comes to the catalog.
        string contexts = await QueryAsync(
            cluster, "select string_agg(name, ',') from pg_backend_memory_contexts where level = 2 and name in ('CacheMemoryContext', 'LOCALLOCK hash', 'Relcache by OID')");
        Assert.Equal("Relcache by OID,LOCALLOCK hash,CacheMemoryContext", contexts);
    }

    [Fact]
    public async Task A_directory_keeps_its_identity_and_content_over_restarts()
    {
        string directory = Path.Combine(Path.GetTempPath(), "pocketgres-" + Guid.NewGuid().ToString("N"));
        try
        {
            string identifier;
            await using (var cluster = await StartAsync(directory))
            {
                Assert.Equal(directory, await QueryAsync(cluster, "show data_directory"));
                Assert.Equal("on", await QueryAsync(cluster, "show data_checksums"));
                Assert.Equal("on", await QueryAsync(cluster, "show fsync"));
                identifier = await QueryAsync(cluster, "select system_identifier::text from pg_control_system()");
                await ExecuteAsync(cluster, "create table kept as select 42 as v");

                var second = await Assert.ThrowsAsync<ClusterException>(() => StartAsync(directory));
                Assert.Equal(ClusterError.DirectoryInUse, second.Error);
            }

            await using (var cluster = await StartAsync(directory))
            {
                Assert.Equal("42", await QueryAsync(cluster, "select v::text from kept"));
                Assert.Equal(identifier, await QueryAsync(cluster, "select system_identifier::text from pg_control_system()"));
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
            foreach (string beside in Directory.EnumerateFiles(Path.GetTempPath(), Path.GetFileName(directory) + "*"))
            {
                File.Delete(beside);
            }
        }
    }

    [Fact]
    public async Task A_setting_that_postgres_refuses_fails_the_start_with_its_words()
    {
        var options = new ClusterOptions { Port = 0, Settings = new Dictionary<string, string> { ["shared_buffers"] = "elephant" } };
        var failure = await Assert.ThrowsAsync<ClusterException>(() => PostgresCluster.StartAsync(options));
        Assert.Equal(ClusterError.StartFailed, failure.Error);
        Assert.Contains("shared_buffers", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pocketgres.busy_wait")]
    [InlineData("pocketgres.statement_cache")]
    public async Task A_setting_of_ours_is_on_or_off(string name)
    {
        var options = new ClusterOptions { Port = 0, Settings = new Dictionary<string, string> { [name] = "maybe" } };
        var failure = await Assert.ThrowsAsync<ClusterException>(() => PostgresCluster.StartAsync(options));
        Assert.Equal(ClusterError.StartFailed, failure.Error);
        Assert.Equal($"{name} is \"maybe\": use on or off.", failure.Message);
    }

    [Fact]
    public async Task A_client_that_connects_during_the_start_is_answered_and_not_refused()
    {
        int port = FreePort();
        var start = PostgresCluster.StartAsync(new ClusterOptions { Port = port });
        await using var client = await ConnectEarlyAsync(port, start);
        await using var command = new NpgsqlCommand("select 1", client);
        Assert.Equal(1, await command.ExecuteScalarAsync());
        await using var cluster = await start;
    }

    [Fact]
    public async Task During_a_long_recovery_clients_are_told_that_the_server_is_starting()
    {
        string directory = Directory.CreateTempSubdirectory("pocketgres-recovery-").FullName;
        try
        {
            await using (await PostgresCluster.StartAsync(new ClusterOptions { Port = 0, DataDirectory = directory }))
            {
            }

            File.WriteAllText(Path.Combine(directory, "recovery.signal"), "");
            int port = FreePort();
            string gate = Path.Combine(directory, "go-on");
            var start = PostgresCluster.StartAsync(new ClusterOptions
            {
                Port = port,
                DataDirectory = directory,
                Settings = new Dictionary<string, string> { ["restore_command"] = $"until test -e {gate}; do sleep 0.05; done; false" },
            });
            var refused = await Assert.ThrowsAsync<PostgresException>(() => ConnectEarlyAsync(port, start));
            Assert.Equal("57P03", refused.SqlState);
            File.WriteAllText(gate, "");
            await using var cluster = await start.WaitAsync(s_deadline);
            Assert.Equal("1", await QueryAsync(cluster, "select 1::text"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_directory_that_the_servers_own_devices_would_hide_can_be_used()
    {
        string directory = Path.Combine("/dev/shm", "pocketgres-" + Guid.NewGuid().ToString("N"));
        try
        {
            await using (var cluster = await StartAsync(directory))
            {
                await ExecuteAsync(cluster, "create table kept as select 7 as v; checkpoint");
                Assert.Equal(directory, await QueryAsync(cluster, "show data_directory"));
            }

            Assert.True(File.Exists(Path.Combine(directory, "PG_VERSION")));
            await using var again = await StartAsync(directory);
            Assert.Equal("7", await QueryAsync(again, "select v::text from kept"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        var failure = await Assert.ThrowsAsync<ClusterException>(() => StartAsync("/dev/shm"));
        Assert.Equal(ClusterError.DirectoryNotAccessible, failure.Error);
        Assert.False(File.Exists("/dev/shm/PG_VERSION"));
    }

    [Fact]
    public async Task A_socket_can_be_where_the_servers_own_devices_are()
    {
        string directory = Directory.CreateDirectory(Path.Combine("/dev/shm", "pocketgres-" + Guid.NewGuid().ToString("N"))).FullName;
        try
        {
            var options = new ClusterOptions { UnixSocketDirectory = directory, Port = FreePort(), StartTimeout = s_deadline };
            await using (var cluster = await PostgresCluster.StartAsync(options))
            {
                await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ConnectionString(cluster)) { Host = directory }.ConnectionString);
                await connection.OpenAsync();
                string[] lockFile = await File.ReadAllLinesAsync(Assert.Single(Directory.GetFiles(directory, "*.lock")));
                Assert.Equal($"{Environment.ProcessId}", lockFile[0]);
            }

            Assert.Empty(Directory.GetFiles(directory));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task A_busy_port_is_named()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var failure = await Assert.ThrowsAsync<ClusterException>(() => PostgresCluster.StartAsync(new ClusterOptions { Port = port }));
        Assert.Equal(ClusterError.PortInUse, failure.Error);
        Assert.Contains(port.ToString(System.Globalization.CultureInfo.InvariantCulture), failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_start_ends_and_frees_the_port()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PostgresCluster.StartAsync(new ClusterOptions { Port = 0 }, cancelled.Token));
    }

    [Theory]
    [InlineData(ShutdownMode.Fast, "select pg_sleep(600)")]
    [InlineData(ShutdownMode.Immediate, "select pg_sleep(600)")]
    [InlineData(ShutdownMode.Fast, "select ('a' || repeat('|a', 1500000))::tsquery")] // never checks for interrupts
    [InlineData(ShutdownMode.Immediate, "select ('a' || repeat('|a', 1500000))::tsquery")]
    public async Task A_server_with_busy_clients_stops(ShutdownMode mode, string statement)
    {
        await using var cluster = await StartAsync();
        await using var client = new NpgsqlConnection(ConnectionString(cluster));
        await client.OpenAsync();
        await using var command = new NpgsqlCommand(statement, client);
        var busy = command.ExecuteNonQueryAsync();
        await using var observer = new NpgsqlConnection(ConnectionString(cluster));
        await observer.OpenAsync();
        await using var running = new NpgsqlCommand("select count(*) from pg_stat_activity where state = 'active' and query = $1", observer) { Parameters = { new() { Value = statement } } };
        while ((long)(await running.ExecuteScalarAsync())! == 0)
        {
            await Task.Yield();
        }

        await cluster.StopAsync(mode).WaitAsync(s_deadline);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => busy.WaitAsync(s_deadline));
    }

    [Fact]
    public async Task Smart_shutdown_waits_for_clients_and_fast_takes_over()
    {
        await using var cluster = await StartAsync();
        await using var client = new NpgsqlConnection(ConnectionString(cluster));
        await client.OpenAsync();
        var smart = cluster.StopAsync(ShutdownMode.Smart);
        await using var command = new NpgsqlCommand("select 1", client);
        Assert.Equal(1, await command.ExecuteScalarAsync());
        Assert.False(smart.IsCompleted);
        await cluster.StopAsync(ShutdownMode.Fast).WaitAsync(s_deadline);
        await smart.WaitAsync(s_deadline);
    }

    [Fact]
    public async Task Log_entries_have_severity_and_sqlstate()
    {
        await using var cluster = await StartAsync();
        var seen = new TaskCompletionSource<Logging.ServerLogEntry>(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.LogWritten += entry =>
        {
            if (entry.SqlState == "22012")
            {
                seen.TrySetResult(entry);
            }
        };
        await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(cluster, "select 1 / 0"));
        var logged = await seen.Task.WaitAsync(s_deadline);
        Assert.Equal("ERROR", logged.Severity);
        Assert.Equal("postgres", logged.User);
        Assert.Equal("postgres", logged.Database);
        Assert.Equal("client backend", logged.BackendType);
        Assert.StartsWith("division by zero\nSTATEMENT: select 1 / 0", logged.Message, StringComparison.Ordinal);
    }

    /// <summary>Without it the log would grow until the next checkpoint by time.</summary>
    [Fact]
    public async Task A_full_log_asks_for_a_checkpoint()
    {
        await using var cluster = await PostgresCluster.StartAsync(new ClusterOptions
        {
            Port = 0,
            StartTimeout = s_deadline,
            Settings = new Dictionary<string, string> { ["max_wal_size"] = "32MB", ["min_wal_size"] = "32MB", ["checkpoint_timeout"] = "1d" },
        });
        const string Requested = "select num_requested::text from pg_stat_checkpointer";
        int before = int.Parse(await QueryAsync(cluster, Requested), CultureInfo.InvariantCulture);
        await ExecuteAsync(cluster, "select pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) from generate_series(1, 80)");
        var deadline = Stopwatch.StartNew();
        while (int.Parse(await QueryAsync(cluster, Requested), CultureInfo.InvariantCulture) <= before)
        {
            Assert.True(deadline.Elapsed < s_deadline, "80 MB of WAL with max_wal_size=32MB requested no checkpoint");
            await Task.Delay(20);
        }
    }

    /// <summary>Fields of every length, with everything that is escaped, in positions that start anywhere in a vector.</summary>
    [Fact]
    public async Task Copy_reads_back_what_it_wrote()
    {
        await using var cluster = await StartAsync();
        await ExecuteAsync(cluster, """
            create table source as select i, n.t as a, case when i % 5 = 0 then null else repeat(n.t, i % 4) || i end as b, repeat('z', i % 61) as c
            from generate_series(1, 3000) i, lateral (select translate(substr(md5(i::text), 1, i % 33), '0123456',
                E'\\\n\r\t' || case when i % 3 = 0 then E'\u00e4\u20ac\b' else 'abc' end) as t) n;
            create table target (like source);
            """);
        await using var connection = new NpgsqlConnection(ConnectionString(cluster));
        await connection.OpenAsync();
        foreach (string options in (string[])["", " (delimiter ',')", " (delimiter '|', null 'NULL')", " (format csv)"])
        {
            string text;
            using (var reader = await connection.BeginTextExportAsync("copy source to stdout" + options))
            {
                text = await reader.ReadToEndAsync();
            }

            await ExecuteAsync(cluster, "truncate target");
            await using (var writer = await connection.BeginTextImportAsync("copy target from stdin" + options))
            {
                await writer.WriteAsync(text);
            }

            Assert.Equal("3000 0", await QueryAsync(cluster, """
                select (select count(*) from target) || ' ' || (select count(*) from
                    ((table source except all table target) union all (table target except all table source)) different)
                """));
        }
    }

    private static Task<PostgresCluster> StartAsync(string? directory = null) =>
        PostgresCluster.StartAsync(new ClusterOptions { DataDirectory = directory, Port = 0, StartTimeout = s_deadline });

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>A session that is opened as soon as something listens.</summary>
    private static async Task<NpgsqlConnection> ConnectEarlyAsync(int port, Task start)
    {
        while (true)
        {
            var client = new NpgsqlConnection($"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres;Pooling=false;Timeout=60");
            try
            {
                await client.OpenAsync();
                return client;
            }
            catch (NpgsqlException e) when (e.InnerException is SocketException && !start.IsFaulted)
            {
                await client.DisposeAsync(); // nobody listens yet
            }
            catch
            {
                await client.DisposeAsync();
                throw;
            }
        }
    }
}
