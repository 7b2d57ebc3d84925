using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary><c>import-pgdata</c> and <c>export-pgdata</c>; eng/directories.sh is the long form.</summary>
public class MoveTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_native_cluster_comes_in_and_goes_out_again(bool killed)
    {
        using var directory = new TemporaryDirectory();
        string native = directory.Combine("native"), ours = directory.Combine("ours"), back = directory.Combine("back"), expected;
        await using (TestServer server = await NativeServer.StartAsync(new ServerOptions { DataDirectory = native }))
        {
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await session.ExecuteAsync("create extension hstore; create table t (id int primary key, h hstore, x float8); insert into t select i, hstore('k', i::text), i / 3.0 from generate_series(1, 1000) i; create index on t using gin (h)");
                await session.ExecuteAsync("create database other");
            }

            expected = await DumpAsync(server);
            await EndAsync(server, killed);
        }

        await File.AppendAllTextAsync(Path.Combine(native, "postgresql.conf"), "io_method = io_uring\nnonsense = 1\nshared_preload_libraries = 'nowhere, pg_stat_statements'\n");
        ToolResult imported = (await CliServer.RunToEndAsync("import-pgdata", native, ours)).Succeeded();
        Assert.Equal(killed, imported.Error.Contains("recovered from its log", StringComparison.Ordinal));
        Assert.Contains("unrecognized configuration parameter \"nonsense\"", imported.Error, StringComparison.Ordinal);
        Assert.Contains("this build does not have nowhere", imported.Error, StringComparison.Ordinal);
        Assert.Contains("\n#io_method = io_uring\n", await File.ReadAllTextAsync(Path.Combine(ours, "postgresql.conf")), StringComparison.Ordinal);
        await using (TestServer server = await CliServer.StartAsync(new ServerOptions { DataDirectory = ours }))
        {
            Assert.Equal(expected, await DumpAsync(server));
            await EndAsync(server, killed);
        }

        (await CliServer.RunToEndAsync("export-pgdata", ours, back)).Succeeded();
        Assert.Contains(back, await File.ReadAllTextAsync(Path.Combine(ours, "pocketgres.copied")), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(back, "pocketgres*"));
        await using (TestServer server = await NativeServer.StartAsync(new ServerOptions { DataDirectory = back }))
        {
            Assert.Equal(expected, await DumpAsync(server));
            Assert.Equal(0, await server.StopAsync());
        }
    }

    [Fact]
    public async Task What_cannot_be_taken_over_is_refused_and_nothing_is_made()
    {
        using var directory = new TemporaryDirectory();
        string native = directory.Combine("native"), ours = directory.Combine("ours");
        await using (TestServer server = await NativeServer.StartAsync(new ServerOptions { DataDirectory = native }))
        {
            await RefusedAsync(4, "is served by process");
            Assert.Equal(0, await server.StopAsync());
        }

        await RefusedAsync(4, "is not a PostgreSQL data directory", directory.Path);
        await File.WriteAllTextAsync(Path.Combine(native, "standby.signal"), "");
        await RefusedAsync(4, "is a standby");
        File.Delete(Path.Combine(native, "standby.signal"));
        string control = Path.Combine(native, "global", "pg_control");
        byte[] bytes = await File.ReadAllBytesAsync(control);
        await File.WriteAllBytesAsync(control, [.. bytes[..100], (byte)~bytes[100], .. bytes[101..]]);
        await RefusedAsync(4, "wrong checksum");
        await File.WriteAllTextAsync(Path.Combine(native, "PG_VERSION"), "17\n");
        await RefusedAsync(5, "pg_upgrade");

        async Task RefusedAsync(int exitCode, string message, string? from = null)
        {
            ToolResult result = await CliServer.RunToEndAsync("import-pgdata", from ?? native, ours);
            Assert.Equal(exitCode, result.ExitCode);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
            Assert.False(Path.Exists(ours));
        }
    }

    static async Task EndAsync(TestServer server, bool killed)
    {
        if (killed)
        {
            await server.KillAsync();
        }
        else
        {
            Assert.Equal(0, await server.StopAsync());
        }
    }

    static async Task<string> DumpAsync(TestServer server) => string.Join('\n',
        (await Tool.RunAsync(Workspace.Pg18("pg_dumpall"), ["--restrict-key=x"], server.Environ())).Succeeded().Output.Split('\n').Where(l => !l.StartsWith("-- Dumped", StringComparison.Ordinal)));
}
