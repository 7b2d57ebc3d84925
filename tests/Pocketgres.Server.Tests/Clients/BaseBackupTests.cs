using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

[Collection(ClientsServer.Name)]
public class BaseBackupTests(ClientsFixture fixture)
{
    TestServer Server => fixture.Server;

    [Fact]
    public async Task A_base_backup_under_load_verifies_and_starts()
    {
        using var directory = new TemporaryDirectory();
        string backup = directory.Combine("backup");
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        await using NpgsqlConnection connection = await Server.OpenAsync(database.Name);
        await connection.ExecuteAsync("create table before as select i, md5(i::text) v from generate_series(1, 20000) i; create table during (i int primary key)");

        using var stop = new CancellationTokenSource();
        int written = 0;
        Task writer = Task.Run(async () =>
        {
            await using NpgsqlConnection session = await Server.OpenAsync(database.Name);
            while (!stop.IsCancellationRequested)
            {
                await session.ExecuteAsync("insert into during values ($1)", written + 1);
                Interlocked.Increment(ref written);
            }
        });
        await Wait.UntilAsync(() => written > 10 || writer.IsFaulted, "the writer is writing");
        (await Server.RunAsync("pg_basebackup", ["-D", backup, "-X", "stream", "-c", "fast", "-P"])).Succeeded();
        await stop.CancelAsync();
        await writer;

        ToolResult verified = (await Tool.RunAsync(Workspace.Pg18("pg_verifybackup"), [backup])).Succeeded();
        Assert.Contains("backup successfully verified", verified.Output, StringComparison.Ordinal);
        Assert.All(Directory.GetDirectories(backup), d => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(d)));

        // The same kind of server opens it.
        await using TestServer restored = await TestServer.StartAsync(new ServerOptions { DataDirectory = backup });
        await using NpgsqlConnection check = await restored.OpenAsync(database.Name);
        Assert.Equal(20_000, await check.ScalarAsync<long>("select count(*) from before where v = md5(i::text)"));
        long during = await check.ScalarAsync<long>("select count(*) from during");
        Assert.InRange(during, 10, written);
        Assert.Equal(during, await check.ScalarAsync<long>("select coalesce(max(i), 0) from during"));
        Assert.Equal(0, await restored.StopAsync());
    }

    [Fact]
    public async Task Receivewal_follows_the_log_to_a_given_place()
    {
        using var directory = new TemporaryDirectory();
        await using NpgsqlConnection connection = await Server.OpenAsync();
        await connection.ExecuteAsync("create table if not exists wal_filler (v text); insert into wal_filler select repeat('x', 100) from generate_series(1, 1000)");
        string end = await connection.ScalarAsync<string>("select pg_current_wal_flush_lsn()::text");
        // It stops at the first message from the server that is past that place.
        (await Server.RunAsync("pg_receivewal", ["-D", directory.Path, "--endpos", end, "--no-loop"])).Succeeded();
        Assert.NotEmpty(Directory.GetFiles(directory.Path));
        await connection.ExecuteAsync("drop table wal_filler");
    }
}
