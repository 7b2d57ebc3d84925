using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>pg_dump and its way back: the dump of what was restored is the dump of the original, to the byte.</summary>
[Collection(ClientsServer.Name)]
public class DumpTests(ClientsFixture fixture)
{
    // Otherwise every dump has a random key in its first and last line.
    const string FixedKey = "--restrict-key=pocketgres";

    static string Schema => Path.Combine(Workspace.ClientScripts, "sql", "many-objects.sql");

    TestServer Server => fixture.Server;

    [Fact]
    public async Task Plain_dump_through_psql()
    {
        await using ClientDatabase original = await CreateOriginalAsync();
        await using ClientDatabase restored = await ClientDatabase.CreateAsync(Server);
        string dump = await DumpAsync(original);
        Assert.Contains("CREATE MATERIALIZED VIEW", dump, StringComparison.Ordinal);
        (await Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1"], restored.Name, dump)).Succeeded();
        Assert.Equal(dump, await DumpAsync(restored));
    }

    [Fact]
    public async Task Insert_dump_through_psql()
    {
        await using ClientDatabase original = await CreateOriginalAsync();
        await using ClientDatabase restored = await ClientDatabase.CreateAsync(Server);
        string inserts = (await Server.RunAsync("pg_dump", [FixedKey, "--column-inserts", "--rows-per-insert=50"], original.Name)).Succeeded().Output;
        (await Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1"], restored.Name, inserts)).Succeeded();
        Assert.Equal(await DumpAsync(original), await DumpAsync(restored));
    }

    [Theory]
    [InlineData("custom")]
    [InlineData("directory")]
    public async Task Archive_restored_by_parallel_jobs(string format)
    {
        using var directory = new TemporaryDirectory();
        string archive = directory.Combine("archive");
        await using ClientDatabase original = await CreateOriginalAsync();
        await using ClientDatabase restored = await ClientDatabase.CreateAsync(Server);
        string[] jobs = format == "directory" ? ["-j", "2"] : [];
        (await Server.RunAsync("pg_dump", ["-F", format, "-f", archive, .. jobs], original.Name)).Succeeded();
        (await Server.RunAsync("pg_restore", ["-j", "2", "--exit-on-error", "-d", restored.Name, archive])).Succeeded();
        Assert.Equal(await DumpAsync(original), await DumpAsync(restored));
    }

    [Fact]
    public async Task A_dump_is_consistent_while_others_write()
    {
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        await using (NpgsqlConnection setup = await Server.OpenAsync(database.Name))
        {
            await setup.ExecuteAsync("create table a as select i, 1000 v from generate_series(1, 100) i; create table b as select i, 0 v from generate_series(1, 100) i");
        }

        using var stop = new CancellationTokenSource();
        int moved = 0;
        Task writer = Task.Run(async () =>
        {
            await using NpgsqlConnection connection = await Server.OpenAsync(database.Name);
            while (!stop.IsCancellationRequested)
            {
                await connection.ExecuteAsync("begin; update a set v = v - 1 where i = 1 + $1 % 100; update b set v = v + 1 where i = 1 + $1 % 100; commit".Replace("$1", $"{moved}", StringComparison.Ordinal));
                Interlocked.Increment(ref moved);
            }
        });
        await Wait.UntilAsync(() => moved > 20 || writer.IsFaulted, "the writer is writing");
        string dump = await DumpAsync(database);
        await stop.CancelAsync();
        await writer;
        await using ClientDatabase restored = await ClientDatabase.CreateAsync(Server);
        (await Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1"], restored.Name, dump)).Succeeded();
        await using NpgsqlConnection check = await Server.OpenAsync(restored.Name);
        Assert.Equal(100_000, await check.ScalarAsync<long>("select (select sum(v) from a) + (select sum(v) from b)"));
    }

    [Fact]
    public async Task Dumpall_has_the_roles()
    {
        string role = $"role_{Guid.NewGuid():N}";
        await using NpgsqlConnection connection = await Server.OpenAsync();
        await connection.ExecuteAsync($"create role {role} nologin");
        try
        {
            string dump = (await Server.RunAsync("pg_dumpall", ["--globals-only"])).Succeeded().Output;
            Assert.Contains($"CREATE ROLE {role};", dump, StringComparison.Ordinal);
        }
        finally
        {
            await connection.ExecuteAsync($"drop role {role}");
        }
    }

    async Task<ClientDatabase> CreateOriginalAsync()
    {
        ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        (await Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", Schema], database.Name)).Succeeded();
        return database;
    }

    async Task<string> DumpAsync(ClientDatabase database) => (await Server.RunAsync("pg_dump", [FixedKey], database.Name)).Succeeded().Output;
}
