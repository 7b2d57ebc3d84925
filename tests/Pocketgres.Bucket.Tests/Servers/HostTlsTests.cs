using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>TLS at the door of `pocketgres host`.</summary>
public sealed class HostTlsTests : IDisposable
{
    const string Domain = "db.example", SeesTls = "select ssl || ' ' || coalesce(version, '') from pg_stat_ssl where pid = pg_backend_pid()";
    const int HangUp = 1;

    readonly MeteredObjectStore _store = new(new MemoryObjectStore());
    readonly TemporaryDirectory _directory = new();
    readonly S3Server _server;
    readonly TlsAuthority _authority;

    public HostTlsTests()
    {
        _server = TestCredentials.Serve(_store);
        _authority = new TlsAuthority(_directory.Path, "authority");
    }

    public void Dispose()
    {
        _authority.Dispose();
        _server.Dispose();
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task The_host_name_or_the_database_names_the_cluster()
    {
        await using CliServer host = await StartAsync("60s", ["--create", "--tls-domain", Domain, .. Certificate()]);
        Assert.Equal("true TLSv1.3", await PsqlAsync(host, "acme", SeesTls + "; create table own as select 'acme' as name"));
        await PsqlAsync(host, "acme", "create database shop");
        Assert.Equal("true TLSv1.2", await PsqlAsync(host, "other", SeesTls + "; create table own as select 'other' as name", "ssl_max_protocol_version=TLSv1.2"));
        Assert.Equal("acme 127.0.0.1", await PsqlAsync(host, "ACME", "select name || ' ' || host(inet_client_addr()) from own", "sslnegotiation=direct"));
        Assert.Equal("shop", await PsqlAsync(host, "acme", "select current_database()", "dbname=shop"));
        Assert.Equal("acme", await PsqlAsync(host, "acme", "select name from own", "dbname="));

        // By database: without a name of the domain, and without TLS.
        Assert.Equal("other", await PsqlAsync(host, null, "select name from own", "host=127.0.0.1 dbname=other"));
        Assert.Equal("shop", await PsqlAsync(host, null, "select current_database()", "host=127.0.0.1 dbname=acme/shop"));
        Assert.Equal("other", await PsqlAsync(host, null, "select name from own", $"host={Domain} hostaddr=127.0.0.1 sslmode=require dbname=other"));
        Assert.Equal("other", await PsqlAsync(host, null, "select name from own", $"host=acme.{Domain} hostaddr=127.0.0.1 sslsni=0 dbname=other"));
        Assert.Equal("false", await PsqlAsync(host, null, SeesTls, "host=127.0.0.1 sslmode=disable dbname=acme"));
        await using (var session = await OpenAsync(host, "acme"))
        {
            Assert.True(await session.ScalarAsync<bool>("select ssl from pg_stat_ssl where pid = pg_backend_pid()"));
        }

        // The database is the cluster's own where the host's name says which.
        Assert.Contains("database \"other/postgres\" does not exist", await FailsAsync(host, "acme", "dbname=other/postgres"), StringComparison.Ordinal);
        foreach (string wrong in (string[])["a.b", "-acme", "x+y"])
        {
            Assert.Contains($"the host name \"{wrong}.{Domain}\" names no cluster of this host", await FailsAsync(host, wrong, "sslmode=require"), StringComparison.Ordinal);
        }

        Assert.Contains($"NAME.{Domain}", await FailsAsync(host, null, "host=127.0.0.1 sslmode=require dbname=NONE"), StringComparison.Ordinal);
        Assert.Equal(0, await host.StopAsync());

        await using CliServer closed = await StartAsync("60s", ["--tls-domain", Domain, .. Certificate()]);
        Assert.Contains("there is no cluster", await FailsAsync(closed, "nobody", ""), StringComparison.Ordinal);
        Assert.DoesNotContain((await _store.ListAsync("bucket/all/nobody")).Entries, _ => true);
        Assert.Equal(0, await closed.StopAsync());
    }

    [Fact]
    public async Task Each_server_knows_who_came_how()
    {
        await File.WriteAllTextAsync(_directory.Combine("hba"), """
            hostssl all ann all cert
            hostssl all scram all scram-sha-256
            hostnossl all plain all trust
            hostssl all secret all trust
            host all postgres all trust
            """);
        _ = _authority.Client("ann", "CN=ann", out _);
        using var stranger = new TlsAuthority(_directory.Path, "stranger");
        _ = stranger.Client("forged", "CN=ann", out _);
        await using CliServer host = await StartAsync("60s",
            ["--create", "--tls-domain", Domain, .. Certificate(), "-c", $"ssl_ca_file={_authority.File}", "-c", $"hba_file={_directory.Combine("hba")}"]);
        await PsqlAsync(host, "acme", "create role ann login; create role plain login; create role secret login; create role scram login password 'word'");

        Assert.Equal("true TLSv1.3", await PsqlAsync(host, "acme", SeesTls, "user=scram password=word channel_binding=require"));
        Assert.Equal("/CN=ann", await PsqlAsync(host, "acme", "select client_dn from pg_stat_ssl where pid = pg_backend_pid()", "user=ann " + Files("ann")));
        Assert.Equal("1", await PsqlAsync(host, "acme", "select 1", "user=secret sslnegotiation=direct"));
        Assert.Equal("1", await PsqlAsync(host, null, "select 1", "host=127.0.0.1 dbname=acme user=plain sslmode=disable"));
        Assert.Contains("no pg_hba.conf entry", await FailsAsync(host, "acme", "user=plain"), StringComparison.Ordinal);
        Assert.Contains("no encryption", await FailsAsync(host, null, "host=127.0.0.1 dbname=acme user=secret sslmode=disable"), StringComparison.Ordinal);
        Assert.Contains("connection requires a valid client certificate", await FailsAsync(host, "acme", "user=ann"), StringComparison.Ordinal);
        Assert.Contains("could not accept SSL connection: certificate verify failed", await FailsAsync(host, "acme", "user=ann " + Files("forged")), StringComparison.Ordinal);
        Assert.Equal(0, await host.StopAsync());

        string Files(string name) => $"sslcert={_directory.Combine(name + ".crt")} sslkey={_directory.Combine(name + ".key")}";
    }

    [Fact]
    public async Task What_comes_with_the_startup_packet_and_much_that_comes_later_arrives()
    {
        await using CliServer host = await StartAsync("60s", ["--create", "--tls", "--tls-domain", Domain]);
        await using (var session = await RawSession.OpenAsync(host.Port, "acme." + Domain))
        {
            await session.StartAsync("postgres", [.. RawSession.Query("select 1"), .. RawSession.Query("select 2")]);
            Assert.Equal("", await session.ReadAsync());
            Assert.Equal("D:1", await session.ReadAsync());
            Assert.Equal("D:2", await session.ReadAsync());
            await session.SendAsync([(byte)'X', 0, 0, 0, 4]);
            await session.EndsAsync();
        }

        await using var connection = await OpenAsync(host, "acme");
        string big = string.Concat(Enumerable.Range(0, 200_000).Select(i => i.ToString("x8", CultureInfo.InvariantCulture)));
        Assert.Equal(big, await connection.ScalarAsync<string>("select $1::text", big));

        // Another protocol than ours, or none, where the client did not ask first.
        await Assert.ThrowsAnyAsync<Exception>(() => RawSession.OpenAsync(host.Port, "acme." + Domain, isDirect: true, "http/1.1"));
        await using (var unnamed = await RawSession.OpenAsync(host.Port, "acme." + Domain, isDirect: true, protocol: null))
        {
            await unnamed.EndsAsync();
        }

        await connection.CloseAsync();
        Assert.Equal(0, await host.StopAsync());
    }

    [Fact]
    public async Task Requests_to_cancel_come_over_tls_too()
    {
        await using CliServer host = await StartAsync("60s", ["--create", "--tls", "--tls-domain", Domain]);
        await using var session = await RawSession.OpenAsync(host.Port, "acme." + Domain, isDirect: true);
        await session.StartAsync("postgres", RawSession.Query("select 1"));
        Assert.Equal("", await session.ReadAsync());
        Assert.Equal("D:1", await session.ReadAsync());
        await using (var other = await OpenAsync(host, "other"))
        {
            await using var observer = await OpenAsync(host, "acme");
            foreach (bool isDirect in (bool[])[false, true])
            {
                await session.SendAsync(RawSession.Query("select pg_sleep(600)"));
                await observer.WaitForEventAsync(session.Key.Process, "Timeout", "PgSleep");
                await using (var cancel = await RawSession.OpenAsync(host.Port, "acme." + Domain, isDirect))
                {
                    await cancel.CancelAsync((session.Key.Process, session.Key.Secret + 1));
                }

                await observer.WaitForEventAsync(session.Key.Process, "Timeout", "PgSleep"); // who does not know the secret cancels nothing
                await using (var cancel = await RawSession.OpenAsync(host.Port, "acme." + Domain, isDirect))
                {
                    await cancel.CancelAsync(session.Key);
                }

                Assert.Equal("E:57014", await session.ReadAsync());
                Assert.Equal("", await session.ReadAsync());
            }

            await using (var witness = await OpenAsync(host, "acme"))
            {
                await observer.CancelsByTokenAsync(witness);
            }

            // libpq's PQcancelBlocking, which wants an end of the connection that is in order; isolationtester calls it for what takes too long.
            ToolResult waits = await Tool.RunAsync(Workspace.IsolationTester, [string.Create(CultureInfo.InvariantCulture,
                $"host=acme.{Domain} hostaddr=127.0.0.1 port={host.Port} user=postgres dbname=postgres sslmode=require sslnegotiation=direct")],
                new Dictionary<string, string> { ["PG_TEST_TIMEOUT_DEFAULT"] = "1", ["HOME"] = "/nonexistent" }, "session s\nstep a { SELECT pg_sleep(600); }\npermutation a\n");
            Assert.Contains("canceling statement due to user request", waits.Succeeded().Output, StringComparison.Ordinal);
            Assert.DoesNotContain("PQcancel failed", waits.Output + waits.Error, StringComparison.Ordinal);
            await observer.CloseAsync();
            await other.CloseAsync();
        }

        Assert.Equal(0, await host.StopAsync());
    }

    [Fact]
    public async Task A_reload_takes_what_is_good_and_keeps_the_old_otherwise()
    {
        await using CliServer host = await StartAsync("3s", ["--create", "--tls-domain", Domain, .. Certificate()]);
        string first = await ThumbprintAsync(host);
        await using var old = await OpenAsync(host, "acme");
        await old.ExecuteAsync("begin"); // awake
        _ = Certificate(); // the same files
        Assert.Equal(first, await ThumbprintAsync(host));
        host.Signal(HangUp);
        await Wait.UntilAsync(async () => await ThumbprintAsync(host) != first, "a new certificate");
        string second = await ThumbprintAsync(host);
        Assert.Equal(1, await old.ScalarAsync<int>("select 1"));

        File.Delete(_directory.Combine("server.key"));
        host.Signal(HangUp);
        await Wait.UntilAsync(() => host.Log.Contains("SSL configuration was not reloaded: could not access private key file"), "a refusal");
        Assert.Equal(second, await ThumbprintAsync(host));
        Assert.Equal("true TLSv1.3", await PsqlAsync(host, "other", SeesTls)); // a cluster that is woken now needs no files
        await old.ExecuteAsync("commit");
        await old.CloseAsync();
        Assert.Equal(0, await host.StopAsync());
    }

    [Fact]
    public async Task Handshakes_that_never_end_are_ended_and_hinder_nobody()
    {
        const int Stalled = 300, Working = 4;
        await using CliServer host = await StartAsync("60s", ["--create", "--tls", "-c", "authentication_timeout=8s"]);
        await using (var first = await OpenAsync(host, "acme"))
        {
            await first.CloseAsync();
        }

        var clients = new List<TcpClient>();
        try
        {
            byte[] hello = RawTls.ClientHello(0x0303), whole = RawTls.ClientHello(0x0303, 0xC02B);
            int descriptors = Descriptors(host);
            for (int i = 0; i < Stalled; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(TestServer.Host, host.Port);
                clients.Add(client);
                switch (i % 5)
                {
                    case 0:
                        await client.GetStream().WriteAsync(RawTls.SslRequest);
                        Assert.Equal('S', client.GetStream().ReadByte());
                        break;
                    case 1:
                        await client.GetStream().WriteAsync(hello.AsMemory(0, hello.Length / 2));
                        break;
                    case 2:
                        await client.GetStream().WriteAsync(whole);
                        break;
                    case 3:
                        await client.GetStream().WriteAsync(RawTls.StartupPacket.AsMemory(0, 12));
                        break;
                    default:
                        break; // not a byte
                }
            }

            await Wait.ForAsync(Task.WhenAll(Enumerable.Range(0, Working).Select(_ => Task.Run(async () =>
            {
                for (int i = 0; i < 3; i++)
                {
                    await using var session = await OpenAsync(host, "acme");
                    Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
                    await session.CloseAsync();
                }
            }))), "clients that work");
            await Wait.ForAsync(Task.WhenAll(clients.Select(c => RawTls.ReadToEndAsync(c.GetStream()))), "the end of all that stall");
            await Wait.UntilAsync(() => Descriptors(host) <= descriptors + 2, "descriptors are free"); // of the pool of threads
        }
        finally
        {
            clients.ForEach(c => c.Dispose());
        }

        Assert.Equal(0, await host.StopAsync());
    }

    [Fact]
    public async Task Sessions_over_tls_come_while_clusters_sleep_and_wake_and_leave_nothing()
    {
        const int Cycles = 4, Sessions = 6;
        await using CliServer host = await StartAsync("100ms", ["--create", "--tls", "--tls-domain", Domain, "--max-awake", "2"]);
        int descriptors = 0;
        for (int cycle = 0; cycle < Cycles; cycle++)
        {
            await Task.WhenAll(Enumerable.Range(0, Sessions).Select(async i =>
            {
                await using var session = await RawSession.OpenAsync(host.Port, $"t{i % 2}.{Domain}", isDirect: i % 3 == 0);
                await session.StartAsync("postgres", RawSession.Query("select 1"));
                Assert.Equal("", await session.ReadAsync());
                Assert.Equal("D:1", await session.ReadAsync());
            }));
            await WaitForSleepAsync();
            await Wait.UntilAsync(() => Connections(host.Port, ofClient: false) == 0, "all connections are closed");
            descriptors = cycle == 0 ? Own() : descriptors;
        }

        // A few are of what .NET loads late; one of each session would be more.
        await Wait.UntilAsync(() => Own() < descriptors + Sessions, $"descriptors as before, {descriptors}");
        Assert.Equal(0, await host.StopAsync());

        // Connections to the store come and go.
        int Own() => Descriptors(host) - Connections(_server.Port, ofClient: true);
    }

    [Theory]
    [InlineData("--tls-domain takes a domain", "--tls", "--tls-domain", "*.example")]
    [InlineData("a domain for the clusters' names needs TLS", "--tls-domain", "example")]
    [InlineData("TLS needs a certificate and its key: set ssl_cert_file and ssl_key_file, or use --tls", "-c", "ssl=on")]
    [InlineData("ssl is \"maybe\": use on or off", "-c", "ssl=maybe")]
    [InlineData("could not access private key file \"DIR/none.key\": No such file or directory", "-c", "ssl=on", "-c", "ssl_cert_file=DIR/server.crt", "-c", "ssl_key_file=DIR/none.key")]
    [InlineData("could not load server certificate file \"DIR/server.key\": no certificate in PEM form", "--tls", "-c", "ssl_cert_file=DIR/server.key", "-c", "ssl_key_file=DIR/server.key")]
    [InlineData("check of private key failed: key values mismatch", "--tls", "-c", "ssl_cert_file=DIR/server.crt", "-c", "ssl_key_file=DIR/other.key")]
    [InlineData("has group or world access", "--tls", "-c", "ssl_cert_file=DIR/server.crt", "-c", "ssl_key_file=DIR/open.key")]
    [InlineData("\"ssl_min_protocol_version\" setting \"TLSv1\" not supported by this build", "--tls", "-c", "ssl_min_protocol_version=TLSv1")]
    [InlineData("authentication_timeout is \"soon\": use 1s to 10min", "--tls", "-c", "authentication_timeout=soon")]
    public async Task What_cannot_be_used_is_named_and_nothing_starts(string message, params string[] arguments)
    {
        _ = Certificate();
        _ = _authority.Server("other", "other");
        File.Copy(_directory.Combine("server.key"), _directory.Combine("open.key"));
        File.SetUnixFileMode(_directory.Combine("open.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        ToolResult result = await CliServer.RunToEndAsync(
            ["host", Url("60s"), "--port", "0", .. arguments.Select(a => a.Replace("DIR", _directory.Path, StringComparison.Ordinal))]);
        Assert.True(result.ExitCode is 1 or 2, $"{result.ExitCode}");
        Assert.Contains(message.Replace("DIR", _directory.Path, StringComparison.Ordinal), Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_says_nothing_makes_room_for_others()
    {
        const int Allowed = 64; // an eighth
        await using CliServer host = await StartAsync("60s", ["--create", "--tls", "-c", "authentication_timeout=10min"], descriptors: Allowed * 8);
        var clients = new List<TcpClient>();
        try
        {
            TcpClient first = Connect("127.0.0.2");
            List<TcpClient> many = [.. Enumerable.Range(0, Allowed * 2).Select(_ => Connect("127.0.0.1"))];
            await using (var session = await OpenAsync(host, "acme"))
            {
                Assert.Equal(1, await session.ScalarAsync<int>("select 1"));
                await session.CloseAsync();
            }

            // The oldest of the address that has most, of which the session needed one place more.
            await Wait.ForAsync(Task.WhenAll(many.Take(Allowed + 1).Select(c => RawTls.ReadToEndAsync(c.GetStream()))), "the end of the oldest");
            await first.GetStream().WriteAsync(RawTls.SslRequest);
            Assert.Equal('S', first.GetStream().ReadByte());
            await many[^1].GetStream().WriteAsync(RawTls.SslRequest);
            Assert.Equal('S', many[^1].GetStream().ReadByte());
        }
        finally
        {
            clients.ForEach(c => c.Dispose());
        }

        Assert.Equal(0, await host.StopAsync());

        TcpClient Connect(string address)
        {
            var client = new TcpClient(new IPEndPoint(IPAddress.Parse(address), 0));
            clients.Add(client);
            client.Connect(TestServer.Host, host.Port);
            return client;
        }
    }

    // Ends of connections to a port, whether or not the other end is closed: ESTABLISHED and CLOSE_WAIT of proc_net_tcp(5).
    static int Connections(int port, bool ofClient)
    {
        string end = string.Create(CultureInfo.InvariantCulture, $":{port:X4}");
        return File.ReadLines("/proc/net/tcp").Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Count(f => f[ofClient ? 2 : 1].EndsWith(end, StringComparison.Ordinal) && f[3] is "01" or "08");
    }

    static int Descriptors(CliServer host) => Directory.GetFileSystemEntries($"/proc/{host.Pid}/fd").Length;

    static async Task<string> ThumbprintAsync(CliServer host)
    {
        await using var session = await RawSession.OpenAsync(host.Port, "localhost");
        return session.Thumbprint;
    }

    static async Task<NpgsqlConnection> OpenAsync(CliServer host, string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(host.ConnectionString(database)) { SslMode = SslMode.Require, Timeout = 60, CancellationTimeout = 30_000 }.ConnectionString);
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

    // A certificate for all names of the domain, and the settings that name it.
    string[] Certificate()
    {
        (string certificate, string key) = _authority.Server("server", "*." + Domain);
        return ["-c", "ssl=on", "-c", $"ssl_cert_file={certificate}", "-c", $"ssl_key_file={key}"];
    }

    string Url(string idle) => $"s3://bucket/all?endpoint={_server.Endpoint}&puts=0&idle={idle}";

    Task<CliServer> StartAsync(string idle, string[] arguments, int? descriptors = null) => CliServer.StartAsync(
        ["host", Url(idle), "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. arguments], descriptors: descriptors);

    // psql's output, of a host below the domain with all checks, or of one that the options name.
    async Task<string> PsqlAsync(CliServer host, string? name, string sql, string options = "") => (await RunPsqlAsync(host, name, sql, options)).Succeeded().Output.Trim();

    async Task<string> FailsAsync(CliServer host, string? name, string options)
    {
        ToolResult result = await RunPsqlAsync(host, name, "select 1", options);
        Assert.Equal(2, result.ExitCode);
        return result.Error;
    }

    Task<ToolResult> RunPsqlAsync(CliServer host, string? name, string sql, string options)
    {
        string words = name is null ? options : $"host={name}.{Domain} hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={_authority.File} {options}";
        return Tool.RunAsync(Workspace.Pg18("psql"), ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql, string.Create(CultureInfo.InvariantCulture, $"port={host.Port} user=postgres dbname=postgres {words}")],
            new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8", ["HOME"] = "/nonexistent" });
    }

    async Task WaitForSleepAsync() => await Wait.UntilAsync(
        async () => !(await _store.ListAsync("bucket/all/")).Entries.Any(e => e.Key.Contains("/live/", StringComparison.Ordinal)), "the clusters sleep");
}
