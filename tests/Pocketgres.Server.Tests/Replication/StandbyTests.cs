using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>Physical replication: standbys of the server under test, synchronous commit.</summary>
public class StandbyTests
{
    static readonly ServerOptions s_primary = new() { Settings = new Dictionary<string, string> { ["wal_receiver_status_interval"] = "1s" } };

    [Fact]
    public async Task A_standby_follows_commits_synchronously_and_is_promoted()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("standby");
        await using TestServer primary = await TestServer.StartAsync(s_primary);
        await using NpgsqlConnection writer = await primary.OpenAsync();
        await writer.ExecuteAsync("create table copied as select n, md5(n::text) v from generate_series(1, 20000) n");
        (await primary.RunAsync("pg_basebackup", ["-D", data, "-R", "-X", "stream", "-c", "fast", "-C", "-S", "standby_slot"])).Succeeded();
        var options = s_primary with { DataDirectory = data };
        TestServer standby = await TestServer.StartAsync(options);
        try
        {
            await using (NpgsqlConnection reader = await standby.OpenAsync())
            {
                Assert.True(await reader.ScalarAsync<bool>("select pg_is_in_recovery()"));
                await reader.ExecuteAsync("insert into copied values (0, '')").FailsAsync("25006");
                await writer.ExecuteAsync("insert into copied select n, md5(n::text) from generate_series(20001, 30000) n");
                await Wait.UntilAsync(() => reader.ScalarAsync<bool>("select count(*) = 30000 from copied where v = md5(n::text)"), "the standby has the rows");
            }

            // Synchronous: what is committed is on the standby already.
            await writer.ExecuteAsync("alter system set synchronous_standby_names = '*'");
            await writer.ExecuteAsync("alter system set synchronous_commit = 'remote_apply'");
            await writer.ExecuteAsync("select pg_reload_conf()");
            await Wait.UntilAsync(() => writer.ScalarAsync<bool>("select exists (select from pg_stat_replication where sync_state = 'sync')"), "the standby is synchronous");
            await Wait.UntilAsync(() => writer.ScalarAsync<bool>("select current_setting('synchronous_commit') = 'remote_apply'"), "the setting is read");
            await using (NpgsqlConnection reader = await standby.OpenAsync())
            {
                for (int i = 0; i < 20; i++)
                {
                    await writer.ExecuteAsync("insert into copied values ($1, '')", -1 - i);
                    Assert.Equal(i + 1, await reader.ScalarAsync<int>("select count(*) from copied where n < 0"));
                }
            }

            // Without the standby commits wait; when it comes back they return.
            await standby.DisposeAsync();
            await using NpgsqlConnection blocked = await primary.OpenAsync();
            Task commit = blocked.ExecuteAsync("insert into copied values (-100, '')");
            await writer.WaitForEventAsync(blocked.ProcessID, "IPC", "SyncRep");
            standby = await TestServer.StartAsync(options);
            await Wait.ForAsync(commit, "the commit after the standby is back");

            await writer.ExecuteAsync("alter system reset synchronous_standby_names");
            await writer.ExecuteAsync("select pg_reload_conf()");
            await using NpgsqlConnection promoted = await standby.OpenAsync();
            Assert.True(await promoted.ScalarAsync<bool>("select pg_promote()"));
            await promoted.ExecuteAsync("insert into copied values (-200, 'writable'); checkpoint");
            Assert.Equal(2, await promoted.ScalarAsync<int>("select timeline_id from pg_control_checkpoint()"));
            Assert.Equal(0, await standby.StopAsync());
        }
        finally
        {
            await standby.DisposeAsync();
        }

        Assert.Equal(0, await primary.StopAsync());
    }

    [Fact]
    public async Task Pg_receivewal_makes_commits_synchronous()
    {
        using var directory = new TemporaryDirectory();
        await using TestServer server = await TestServer.StartAsync(new ServerOptions
        {
            Settings = new Dictionary<string, string> { ["synchronous_standby_names"] = "pg_receivewal" },
        });
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("set synchronous_commit = off; create table kept (i int)");
        (await server.RunAsync("pg_receivewal", ["--create-slot", "-S", "kept"])).Succeeded();

        await using NpgsqlConnection writer = await server.OpenAsync();
        await writer.ExecuteAsync("set synchronous_commit = on");
        Task waiting = writer.ExecuteAsync("insert into kept values (1)");
        await session.WaitForEventAsync(writer.ProcessID, "IPC", "SyncRep");

        Task<ToolResult> receiver = server.RunAsync("pg_receivewal", ["-D", directory.Path, "-S", "kept", "--synchronous", "--no-loop"]);
        await Wait.ForAsync(waiting, "the commit once there is a receiver");
        for (int i = 2; i <= 20; i++)
        {
            await writer.ExecuteAsync("insert into kept values ($1)", i);
        }

        Assert.NotEmpty(Directory.GetFiles(directory.Path));

        // The takeover that sync engines use; then a commit waits again, and a cancel lets it go with its change committed here only.
        await session.ExecuteAsync("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'kept'");
        Assert.NotEqual(0, (await receiver).ExitCode);
        waiting = writer.ExecuteAsync("insert into kept values (21)");
        await session.WaitForEventAsync(writer.ProcessID, "IPC", "SyncRep");
        await session.ExecuteAsync("select pg_cancel_backend($1)", writer.ProcessID);
        await Wait.ForAsync(waiting, "the cancelled wait");
        Assert.Equal(21, await session.ScalarAsync<int>("select count(*) from kept"));
        await session.ExecuteAsync("select pg_drop_replication_slot('kept')");
        Assert.Equal(0, await server.StopAsync());
    }
}
