using System.Globalization;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>A cluster in a bucket whose disk for what is here, TMPDIR, is really full, and then is not.</summary>
public sealed class DiskFullTests : IDisposable
{
    const string Digest = "select sum(hashtextextended(i || v, 0))::text from cold";

    readonly MemoryObjectStore _store = new();
    readonly TemporaryDirectory _disk = new();
    readonly S3Server _server;

    public DiskFullTests()
    {
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
        _disk.Dispose();
    }

    [NamespaceFact]
    public async Task Statements_that_need_room_fail_and_the_others_and_later_ones_do_not()
    {
        string cold;
        await using (var before = await CliServer.StartAsync(Arguments()))
        {
            await using var session = await before.OpenAsync();
            await session.ExecuteAsync("create table cold as select i, md5(i::text) as v from generate_series(1, 200000) i; create table t (i int primary key, v text)");
            cold = await session.ScalarAsync<string>(Digest);
            await session.CloseAsync();
            Assert.Equal(0, await before.StopAsync());
        }

        await using var server = await CliServer.StartAsync(Arguments("-c", "shared_buffers=16MB"), temporaryDisk: (_disk.Path, 96));
        int acknowledged = 0;
        await using (var session = await server.OpenAsync())
        {
            await InsertAsync(session, 10);
            Fill(server);

            // New pages find no room.
            await FailsAsync(server, "create table big as select i, md5(i::text) as v from generate_series(1, 2000000) i");
            await FailsAsync(server, "insert into t select i, repeat(md5(i::text), 10) from generate_series(1000000, 2000000) i");

            // What has to be brought here takes the place of what can be brought again; what fits into pages that there are is written, and the log finds room.
            await using var other = await server.OpenAsync();
            Assert.Equal(cold, await other.ScalarAsync<string>(Digest));
            await InsertAsync(session, 200);

            // Reading may change a page too (hint bits), and there are more of them than there is room for: they go to the bucket by and by.
            await Wait.UntilAsync(async () =>
            {
                await using var checkpointer = await server.OpenAsync();
                return await Record.ExceptionAsync(() => checkpointer.ExecuteAsync("checkpoint")) is null;
            }, "a checkpoint that finds room");
            Assert.Equal(cold, await other.ScalarAsync<string>(Digest));
            Assert.Equal(acknowledged, await other.ScalarAsync<long>("select count(*) from t"));
            await other.CloseAsync();
            await session.CloseAsync();
        }

        File.Delete(Ballast(server));
        await using (var session = await server.OpenAsync())
        {
            Assert.Equal(cold, await session.ScalarAsync<string>(Digest));
            await session.ExecuteAsync("create table big as select i, md5(i::text) as v from generate_series(1, 200000) i");
            await InsertAsync(session, 10);
            Assert.Equal(acknowledged, await session.ScalarAsync<long>("select count(*) from t"));
            await session.CloseAsync();
        }

        Assert.DoesNotContain("PANIC", server.Log.Tail, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
        await using var after = await CliServer.StartAsync(Arguments());
        await using var reader = await after.OpenAsync();
        Assert.Equal(acknowledged, await reader.ScalarAsync<long>("select count(*) from t"));
        Assert.Equal(200_000, await reader.ScalarAsync<long>("select count(v) from big"));
        Assert.Equal(cold, await reader.ScalarAsync<string>(Digest));

        async Task InsertAsync(NpgsqlConnection session, int rows)
        {
            for (int i = 0; i < rows; i++)
            {
                await session.ExecuteAsync($"insert into t values ({acknowledged + 1}, 'v')");
                acknowledged++;
            }
        }
    }

    static async Task FailsAsync(CliServer server, string statement)
    {
        await using var session = await server.OpenAsync();
        var full = await Assert.ThrowsAsync<PostgresException>(() => session.ExecuteAsync(statement));
        Assert.True((full.SqlState, full.Severity) == ("53100", "ERROR"), $"{full}\n{server.Log.Tail}");
        Assert.Contains("No space left on device", full.MessageText, StringComparison.Ordinal);
    }

    // The disk is another one for the server than it is here.
    string Ballast(CliServer server) => string.Create(CultureInfo.InvariantCulture, $"/proc/{server.Pid}/root{_disk.Path}/ballast");

    void Fill(CliServer server)
    {
        using var ballast = new FileStream(Ballast(server), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        byte[] block = new byte[4096];
        try
        {
            while (true)
            {
                ballast.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    IEnumerable<string> Arguments(params string[] more) =>
        ["serve", $"s3://bucket/main?endpoint={_server.Endpoint}&puts=0", "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. more];
}
