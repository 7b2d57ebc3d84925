using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres branch`, with servers as processes of their own.</summary>
public sealed class BranchTests : IDisposable
{
    readonly MeteredObjectStore _store = new(new MemoryObjectStore());
    readonly S3Server _server;

    public BranchTests()
    {
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Fact]
    public async Task A_branch_of_a_live_cluster_has_what_was_acknowledged_and_both_go_on()
    {
        await using var origin = await StartAsync("main");
        await using var session = await origin.OpenAsync();
        await session.ExecuteAsync("create table t (i int primary key); insert into t select generate_series(1, 1000)");
        await session.ScalarAsync<string>("select slot_name::text from pg_create_physical_replication_slot('consumer', true)");
        await session.ExecuteAsync("insert into t values (1001)");

        long requests = _store.Requests, written = _store.BytesWritten;
        await BranchAsync("main", "copy");
        Assert.InRange(_store.Requests - requests, 1, 12);
        Assert.InRange(_store.BytesWritten - written, 1, 500_000);
        await session.ExecuteAsync("insert into t values (1002)");

        // Killed before it has an image of its own, the branch keeps what it has acknowledged.
        for (int life = 0; life < 3; life++)
        {
            await using var branch = await StartAsync("copy");
            await using var there = await branch.OpenAsync();
            Assert.Equal(1001 + life, await there.ScalarAsync<long>("select count(*) from t"));
            Assert.Equal(0, await there.ScalarAsync<long>("select count(*) from t where i = 1002"));
            Assert.Equal(0, await there.ScalarAsync<long>("select count(*) from pg_replication_slots"));
            Assert.False(await there.ScalarAsync<bool>("select pg_is_in_recovery()"));
            Assert.NotEqual("00000001", await there.ScalarAsync<string>("select left(pg_walfile_name(pg_current_wal_lsn()), 8)"));
            await there.ExecuteAsync($"insert into t values ({5000 + life})");
            await branch.KillAsync();
        }

        await using (var branch = await StartAsync("copy"))
        {
            Assert.Equal(0, await branch.StopAsync());
        }

        // With an image of its own, and branched again.
        await BranchAsync("copy", "copy-of-copy");
        await using (var second = await StartAsync("copy-of-copy"))
        {
            await using var there = await second.OpenAsync();
            Assert.Equal(1004, await there.ScalarAsync<long>("select count(*) from t"));
            await there.CloseAsync();
            Assert.Equal(0, await second.StopAsync());
        }

        Assert.Equal(1002, await session.ScalarAsync<long>("select count(*) from t"));
        Assert.Equal(1, await session.ScalarAsync<long>("select count(*) from pg_replication_slots"));
        await session.CloseAsync();
        Assert.Equal(0, await origin.StopAsync());
    }

    [Fact]
    public async Task A_branch_at_a_moment_has_what_was_acknowledged_by_then()
    {
        int wanted = int.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_MOMENTS"), CultureInfo.InvariantCulture, out int given) ? given : 3;
        var moments = new List<(DateTime Time, long Rows)>();
        await using (var origin = await StartAsync("main"))
        {
            await using var session = await origin.OpenAsync();
            await session.ExecuteAsync("create table t (i int primary key)");
            for (int i = 0; i < 20 * wanted; i++)
            {
                await session.ExecuteAsync($"insert into t values ({i})");
                if (i % 20 == 10)
                {
                    moments.Add((DateTime.UtcNow, i + 1));
                }
            }

            await session.CloseAsync();
            Assert.Equal(0, await origin.StopAsync());
        }

        foreach (var (time, rows) in moments)
        {
            await BranchAsync("main", $"at-{rows}", "--at", time.ToString("O", CultureInfo.InvariantCulture));
            await using var branch = await StartAsync($"at-{rows}");
            await using var there = await branch.OpenAsync();
            Assert.Equal(rows, await there.ScalarAsync<long>("select count(*) from t"));
            await there.CloseAsync();
            Assert.Equal(0, await branch.StopAsync());
        }
    }

    [Fact]
    public async Task What_cannot_be_branched_says_why()
    {
        var missing = await CliServer.RunToEndAsync("branch", Url("nothing"), Url("copy"));
        Assert.Equal(4, missing.ExitCode);
        Assert.Contains("there is no cluster at", missing.Error, StringComparison.Ordinal);
        await using (var origin = await StartAsync("main"))
        {
            Assert.Equal(0, await origin.StopAsync());
        }

        var taken = await CliServer.RunToEndAsync("branch", Url("main"), Url("main"));
        Assert.Equal(4, taken.ExitCode);
        Assert.Contains("choose another prefix", taken.Error, StringComparison.Ordinal);
        var early = await CliServer.RunToEndAsync("branch", Url("main"), Url("copy"), "--at", "2001-01-01");
        Assert.Equal(4, early.ExitCode);
        Assert.Contains("did not exist yet", early.Error, StringComparison.Ordinal);
        var elsewhere = await CliServer.RunToEndAsync("branch", Url("main"), $"s3://other/copy?endpoint={_server.Endpoint}");
        Assert.Equal(2, elsewhere.ExitCode);
        Assert.Contains("another bucket", elsewhere.Error, StringComparison.Ordinal);
    }

    async Task BranchAsync(string from, string to, params string[] options)
    {
        var done = await CliServer.RunToEndAsync(["branch", Url(from), Url(to), .. options]);
        Assert.True(done.ExitCode == 0, done.Error);
    }

    string Url(string prefix) => $"s3://bucket/{prefix}?endpoint={_server.Endpoint}&puts=0";

    Task<CliServer> StartAsync(string prefix) => CliServer.StartAsync(
        ["serve", Url(prefix), "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
}
