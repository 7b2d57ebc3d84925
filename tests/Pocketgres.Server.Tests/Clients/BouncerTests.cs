using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>PgBouncer before the server, as docs/operations.md has it: SCRAM, passwords looked up in the server, transaction mode, prepared statements.</summary>
public sealed class BouncerTests : IDisposable
{
    const int ServerSessions = 4, Clients = 60;
    readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [OursFact]
    public async Task Many_clients_share_few_sessions_and_keep_their_prepared_statements()
    {
        string password = _directory.Combine("password");
        await File.WriteAllTextAsync(password, "super-geheim");
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--password-file", password, "--database", "shop"]);
        await using NpgsqlConnection admin = await ConnectAsync(server.Port, "postgres", "super-geheim", "shop");
        foreach (string statement in (string[])[
            "create role app login password 'app-geheim'", "create role pgbouncer login password 'lookup-geheim'", "create schema pgbouncer",
            """
            create function pgbouncer.user_lookup(in i_username text, out uname text, out phash text) returns record language sql security definer set search_path = pg_catalog
            as $$select usename, passwd from pg_shadow where usename = i_username and not usesuper$$
            """,
            "revoke all on function pgbouncer.user_lookup from public", "grant usage on schema pgbouncer to pgbouncer", "grant execute on function pgbouncer.user_lookup to pgbouncer",
            "create table visits (id int primary key, n int not null)", "insert into visits select i, 0 from generate_series(0, 9) i", "grant select, update on visits to app"])
        {
            await admin.ExecuteAsync(statement);
        }

        int port = FreePort();
        string settings = _directory.Combine("pgbouncer.ini"), users = _directory.Combine("userlist.txt");
        await File.WriteAllTextAsync(users, "\"pgbouncer\" \"lookup-geheim\"\n");
        await File.WriteAllTextAsync(settings, string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            shop = host=127.0.0.1 port={server.Port} dbname=shop
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {users}
            auth_user = pgbouncer
            auth_dbname = shop
            auth_query = SELECT uname, phash FROM pgbouncer.user_lookup($1)
            pool_mode = transaction
            default_pool_size = {ServerSessions}
            max_client_conn = 200
            max_prepared_statements = 100
            logfile = {_directory.Combine("log")}
            {(Environment.IsPrivilegedProcess ? "user = nobody" : "")}
            """));
        File.SetUnixFileMode(_directory.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute);
        // As root it becomes somebody else, which it insists on; as somebody else it stays that.
        using Process bouncer = Process.Start(new ProcessStartInfo(Workspace.OperatorsTool("pgbouncer"), ["-q", settings]))!;
        try
        {
            await Wait.UntilAsync(async () =>
            {
                Assert.False(bouncer.HasExited, File.Exists(_directory.Combine("log")) ? await File.ReadAllTextAsync(_directory.Combine("log")) : "pgbouncer ended");
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                return await Record.ExceptionAsync(() => socket.ConnectAsync(IPAddress.Loopback, port)) is null;
            }, "pgbouncer listens");

            foreach ((string user, string given, string message) in ((string, string, string)[])[
                ("app", "wrong", "SASL authentication failed"), ("postgres", "super-geheim", "no such user"), ("nobody", "wrong", "no such user")])
            {
                Assert.Contains(message, (await Assert.ThrowsAsync<PostgresException>(() => ConnectAsync(port, user, given, "shop"))).MessageText, StringComparison.Ordinal);
            }

            await Task.WhenAll(Enumerable.Range(0, Clients).Select(async client =>
            {
                await using NpgsqlConnection session = await ConnectAsync(port, "app", "app-geheim", "shop");
                await using var update = new NpgsqlCommand("update visits set n = n + 1 where id = $1 returning n", session) { Parameters = { new() { Value = client % 10 } } };
                await update.PrepareAsync();
                for (int i = 0; i < 20; i++)
                {
                    Assert.True((int)(await update.ExecuteScalarAsync())! > 0);
                }
            }));
            Assert.Equal(Clients * 20L, await admin.ScalarAsync<long>("select sum(n) from visits"));
            Assert.InRange(await admin.ScalarAsync<long>("select count(*) from pg_stat_activity where usename = 'app'"), 1, ServerSessions);

            // A cancel request goes through to the session that has the statement.
            await using NpgsqlConnection slow = await ConnectAsync(port, "app", "app-geheim", "shop");
            using var cancelled = new CancellationTokenSource();
            await using var sleep = new NpgsqlCommand("select pg_sleep(600)", slow);
            Task<int> sleeping = sleep.ExecuteNonQueryAsync(cancelled.Token);
            await Wait.UntilAsync(async () => await admin.ScalarAsync<long>("select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active' and usename = 'app'") == 1, "it sleeps");
            await cancelled.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sleeping);
        }
        finally
        {
            bouncer.Kill();
            await bouncer.WaitForExitAsync();
        }
    }

    static int FreePort()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        return ((IPEndPoint)free.LocalEndpoint).Port;
    }

    static async Task<NpgsqlConnection> ConnectAsync(int port, string user, string password, string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1", Port = port, Username = user, Password = password, Database = database, Pooling = false, Timeout = 30, SslMode = SslMode.Disable, CancellationTimeout = 30_000,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
