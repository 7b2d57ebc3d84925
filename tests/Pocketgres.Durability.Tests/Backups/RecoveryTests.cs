using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Backups;

/// <summary>A base backup and an archive of the log, as Postgres' manual describes them, with commands that the host's shell runs.</summary>
public class RecoveryTests
{
    [Fact]
    public async Task Point_in_time_recovery_brings_back_just_what_was_there()
    {
        using var directory = new TemporaryDirectory();
        string archive = directory.Combine("archive"), backup = directory.Combine("backup"), data = directory.Combine("data");
        Directory.CreateDirectory(archive);
        await using (CliServer server = await CliServer.StartAsync(
            ["serve", "file:" + data, "--port", "0", "-c", "archive_mode=on", "-c", $"archive_command=test ! -f {archive}/%f && cp %p {archive}/%f"]))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t (v text); insert into t values ('in the backup')");
            (await server.RunAsync("pg_basebackup", ["-D", backup, "-X", "none", "-c", "fast"])).Succeeded();
            await session.ExecuteAsync("insert into t select 'after the backup ' || i from generate_series(1, 1000) i");
            await session.ExecuteAsync("select pg_create_restore_point('before the mistake')");
            await session.ExecuteAsync("delete from t; insert into t values ('a mistake')");
            string segment = await session.ScalarAsync<string>("select pg_walfile_name(pg_switch_wal())");
            await Wait.UntilAsync(() => File.Exists(Path.Combine(archive, segment)), $"{segment} is archived");
            Assert.Equal(0, await session.ScalarAsync<long>("select failed_count from pg_stat_archiver"));
            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
        }

        // pg_wal is empty in such a backup: everything comes from the archive. The manifest was made without it too.
        (await Tool.RunAsync(Workspace.Pg18("pg_verifybackup"), ["-n", backup])).Succeeded();
        File.WriteAllText(Path.Combine(backup, "recovery.signal"), "");
        await using (CliServer restored = await CliServer.StartAsync(
            [
                "serve", "file:" + backup, "--port", "0", "-c", $"restore_command=cp {archive}/%f %p", "-c", "recovery_target_name=before the mistake",
                "-c", "recovery_target_action=promote",
            ]))
        {
            await using NpgsqlConnection session = await restored.OpenAsync();
            await Wait.UntilAsync(() => session.ScalarAsync<bool>("select not pg_is_in_recovery()"), "the end of recovery");
            Assert.Equal(1001, await session.ScalarAsync<long>("select count(*) from t"));
            Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from t where v = 'a mistake'"));
            await session.ExecuteAsync("insert into t values ('on the new timeline')");
            Assert.Equal(2, await session.ScalarAsync<int>("select timeline_id from pg_control_checkpoint()"));
            Assert.True(restored.Log.Contains("restored log file"), restored.Log.Tail);
            await session.CloseAsync();
            Assert.Equal(0, await restored.StopAsync());
        }

        ToolResult check = (await CliServer.RunToEndAsync("check", backup)).Succeeded();
        Assert.StartsWith("intact:", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_command_that_hangs_does_not_keep_the_server_from_stopping()
    {
        using var directory = new TemporaryDirectory();
        string backup = directory.Combine("backup");
        await using (CliServer server = await CliServer.StartAsync(["serve", "file:" + directory.Combine("data"), "--port", "0"]))
        {
            (await server.RunAsync("pg_basebackup", ["-D", backup, "-X", "stream", "-c", "fast"])).Succeeded();
            Assert.Equal(0, await server.StopAsync());
        }

        File.WriteAllText(Path.Combine(backup, "standby.signal"), "");
        string hang = directory.Combine("hang"), hangs = directory.Combine("hangs");
        await using CliServer standby = await CliServer.StartAsync(
            ["serve", "file:" + backup, "--port", "0", "-c", "wal_retrieve_retry_interval=200ms", "-c", $"restore_command=if test -f {hang}; then touch {hangs}; exec sleep 300; fi; false"]);
        File.WriteAllText(hang, "");
        await Wait.UntilAsync(() => File.Exists(hangs), "the standby asks the archive and waits");
        Assert.Equal(0, await Wait.ForAsync(standby.StopAsync(), "the standby has stopped"));
    }
}
