using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>Who gets in over a Unix socket.</summary>
public class PeerTests
{
    [Fact]
    public async Task Peer_asks_the_host_who_is_at_the_other_end()
    {
        using var directory = new TemporaryDirectory();
        string me = Environment.UserName, authentication = directory.Combine("hba"), map = directory.Combine("ident");
        await File.WriteAllTextAsync(authentication, "local mapped all peer map=admins\nlocal all all peer\nhost all all 127.0.0.1/32 trust\n");
        await File.WriteAllTextAsync(map, $"admins {me} postgres\nadmins /^(.*)@example\\.org$ \\1\n");
        await using CliServer server = await CliServer.StartAsync(
            ["serve", "memory:", "--port", "0", "--unix-socket-dir", directory.Path, "-c", "hba_file=" + authentication, "-c", "ident_file=" + map]);
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync($"create role \"{me}\" login superuser");
            await session.ExecuteAsync("create database mapped");
        }

        await using (NpgsqlConnection session = await OpenAsync(me, "postgres"))
        {
            Assert.Equal("peer:" + me, await session.ScalarAsync<string>("select system_user"));
        }

        await using (NpgsqlConnection session = await OpenAsync("postgres", "mapped"))
        {
            Assert.Equal("peer:" + me, await session.ScalarAsync<string>("select system_user"));
            Assert.Equal("peer", await session.ScalarAsync<string>("select auth_method from pg_hba_file_rules where line_number = 2"));
        }

        foreach ((string user, string database) in new[] { ("postgres", "postgres"), (me, "mapped") })
        {
            PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => OpenAsync(user, database));
            Assert.Equal("28000", refused.SqlState);
            Assert.Equal($"Peer authentication failed for user \"{user}\"", refused.MessageText);
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory.Combine($".s.PGSQL.{server.Port}")));

        async Task<NpgsqlConnection> OpenAsync(string user, string database)
        {
            var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
            {
                Host = directory.Path, Port = server.Port, Username = user, Database = database, Pooling = false, SslMode = SslMode.Disable,
            }.ConnectionString);
            try
            {
                await session.OpenAsync();
                return session;
            }
            catch
            {
                await session.DisposeAsync();
                throw;
            }
        }
    }

    [Fact]
    public async Task A_setting_opens_the_socket_to_others()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        await using (CliServer server = await CliServer.StartAsync(
            ["serve", "file:" + data, "--port", "0", "--unix-socket-dir", directory.Path, "-c", "unix_socket_permissions=0770"]))
        {
            Assert.True(File.GetUnixFileMode(directory.Combine($".s.PGSQL.{server.Port}")).HasFlag(UnixFileMode.GroupWrite));
            Assert.Equal(0, await server.StopAsync());
        }

        await File.AppendAllTextAsync(Path.Combine(data, "postgresql.conf"), "unix_socket_permissions = 0777\n");
        await using CliServer again = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0", "--unix-socket-dir", directory.Path]);
        Assert.True(File.GetUnixFileMode(directory.Combine($".s.PGSQL.{again.Port}")).HasFlag(UnixFileMode.OtherWrite));
    }
}
