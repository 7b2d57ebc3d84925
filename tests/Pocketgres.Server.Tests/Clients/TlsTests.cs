using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>TLS with real clients: who is let in, who is not and what they are told, and what the server shows of it.</summary>
public sealed class TlsTests(TlsFixture fixture) : IClassFixture<TlsFixture>
{
    const string Status = "select ssl, version, cipher, bits, coalesce(client_dn, '-') from pg_stat_ssl where pid = pg_backend_pid()";

    TestServer Server => fixture.Server;

    string Root => $"sslmode=verify-full sslrootcert={fixture.Authority.File}";

    [Theory]
    [InlineData("", "t|TLSv1.3|TLS_AES_256_GCM_SHA384|256|-")]
    [InlineData("sslnegotiation=direct", "t|TLSv1.3|TLS_AES_256_GCM_SHA384|256|-")]
    [InlineData("ssl_max_protocol_version=TLSv1.2", "t|TLSv1.2|ECDHE-RSA-AES256-GCM-SHA384|256|-")]
    [InlineData("ssl_max_protocol_version=TLSv1.2 sslnegotiation=direct", "t|TLSv1.2|ECDHE-RSA-AES256-GCM-SHA384|256|-")]
    public async Task Psql_verifies_the_server(string options, string expected) =>
        Assert.Equal(expected, (await fixture.PsqlAsync($"user=postgres {Root} {options}", Status)).Succeeded().Output.Trim());

    [Fact]
    public async Task Pg_hba_tells_encrypted_connections_from_others()
    {
        (await fixture.PsqlAsync("user=secret sslmode=require")).Succeeded();
        Assert.Contains("no encryption", (await fixture.PsqlAsync("user=secret sslmode=disable")).Error, StringComparison.Ordinal);
        Assert.Equal("f", (await fixture.PsqlAsync("user=plain sslmode=disable", "select ssl from pg_stat_ssl where pid = pg_backend_pid()")).Succeeded().Output.Trim());
        Assert.Contains("SSL encryption", (await fixture.PsqlAsync("user=plain sslmode=require")).Error, StringComparison.Ordinal);
        Assert.Equal("127.0.0.1", (await fixture.PsqlAsync("user=postgres sslmode=require", "select host(inet_client_addr())")).Succeeded().Output.Trim());
    }

    [Theory]
    [InlineData("TLSv1.3")]
    [InlineData("TLSv1.2")]
    public async Task Passwords_are_bound_to_the_channel(string version)
    {
        string expected = $"scram|{version}";
        Assert.Equal(expected, (await fixture.PsqlAsync($"user=scram password=word {Root} channel_binding=require ssl_max_protocol_version={version}",
            "select current_user, version from pg_stat_ssl where pid = pg_backend_pid()")).Succeeded().Output.Trim());
        Assert.Contains("password authentication failed", (await fixture.PsqlAsync($"user=scram password=wrong {Root} channel_binding=require")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clients_certificates_are_checked_and_shown()
    {
        string serial = new BigInteger(fixture.Ann.SerialNumberBytes.Span, isUnsigned: true, isBigEndian: true).ToString(CultureInfo.InvariantCulture);
        ToolResult ann = await fixture.VerifiedAsync("ann", "ann", "select client_dn, client_serial, issuer_dn, system_user from pg_stat_ssl where pid = pg_backend_pid()");
        Assert.Equal($"/O=Gr\u00fcn/CN=ann|{serial}|/CN=authority|cert:CN=ann,O=Gr\\C3\\BCn", ann.Succeeded().Output.Trim());
        (await fixture.VerifiedAsync("ben", "benjamin")).Succeeded(); // by a map
        (await fixture.VerifiedAsync("verified", "benjamin")).Succeeded();
        Assert.Contains("requires a valid client certificate", (await fixture.VerifiedAsync("ann")).Error, StringComparison.Ordinal);
        Assert.Contains("certificate authentication failed for user \"ann\"", (await fixture.VerifiedAsync("ann", "benjamin")).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("forged", "TLSv1.3", "unknown ca", "at depth 0: unable to get local issuer certificate.")]
    [InlineData("expired", "TLSv1.3", "certificate expired", "at depth 0: certificate has expired.")]
    [InlineData("expired", "TLSv1.2", "certificate expired", "at depth 0: certificate has expired.")]
    [InlineData("revoked", "TLSv1.3", "certificate revoked", "at depth 0: certificate revoked.")]
    public async Task A_certificate_that_is_not_to_be_trusted_is_refused_with_a_reason(string certificate, string version, string alert, string logged)
    {
        // Natively an alert tells the client.
        ToolResult result = await fixture.VerifiedAsync("postgres", certificate, options: $"ssl_max_protocol_version={version}");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(TestServer.Native ? alert : "Client certificate verification failed " + logged, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("serial number", result.Error, StringComparison.Ordinal);
        await Wait.UntilAsync(() => Server.Log.Contains("Client certificate verification failed " + logged), "the log says why");
        Assert.True(Server.Log.Contains("could not accept SSL connection: certificate verify failed"));
        Assert.True(Server.Log.Contains("Failed certificate data (unverified): subject \"/CN=ann\", serial number "));
    }

    [Fact]
    public async Task Npgsql_connects()
    {
        string text = new NpgsqlConnectionStringBuilder(Server.ConnectionString())
        {
            Host = "localhost", Username = "scram", Password = "word", SslMode = SslMode.VerifyCA, RootCertificate = fixture.Authority.File, ChannelBinding = ChannelBinding.Require,
        }.ConnectionString;
        foreach (SslNegotiation negotiation in new[] { SslNegotiation.Postgres, SslNegotiation.Direct })
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(text) { SslNegotiation = negotiation }.ConnectionString);
            await connection.OpenAsync();
            Assert.Equal("TLSv1.3", await connection.ScalarAsync<string>("select version from pg_stat_ssl where pid = pg_backend_pid()"));
        }

        await using (var client = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(text)
        {
            Username = "ann", SslCertificate = fixture.Path("ann.crt"), SslKey = fixture.Path("ann.key"), ChannelBinding = ChannelBinding.Prefer,
        }.ConnectionString))
        {
            await client.OpenAsync();
            Assert.Equal("ann", await client.ScalarAsync<string>("select current_user"));
        }
    }

    [Theory]
    [InlineData(0x0301)]
    [InlineData(0x0302)]
    public async Task Older_protocols_are_refused(int version)
    {
        using var client = new TcpClient(TestServer.Host, Server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(RawTls.SslRequest);
        Assert.Equal('S', stream.ReadByte());
        await stream.WriteAsync(RawTls.ClientHello((ushort)version));
        byte[] answer = new byte[7];
        await Wait.ForAsync(stream.ReadExactlyAsync(answer).AsTask(), "an alert");
        Assert.Equal([21, 2, 70], [answer[0], answer[5], answer[6]]); // alert, fatal, protocol_version
        await Wait.UntilAsync(() => Server.Log.Contains("could not accept SSL connection: unsupported protocol"), "the log says why");
        Assert.True(Server.Log.Contains("This may indicate that the client does not support any SSL protocol version between TLSv1.2 and TLSv1.3."));
    }

    // SSL's last version; suites without encryption, without authentication, with keys of 40 and 56 bits, RC4, 3DES; and without forward secrecy.
    [Theory]
    [InlineData(0x0300, 0xC013)]
    [InlineData(0x0303, 0x0002)]
    [InlineData(0x0303, 0x0034)]
    [InlineData(0x0303, 0x0003)]
    [InlineData(0x0303, 0x0009)]
    [InlineData(0x0303, 0x0005)]
    [InlineData(0x0303, 0xC012)]
    [InlineData(0x0303, 0x009D)]
    public async Task What_is_weak_is_refused(int version, int suite)
    {
        using var client = new TcpClient(TestServer.Host, Server.Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(RawTls.SslRequest);
        Assert.Equal('S', stream.ReadByte());
        await stream.WriteAsync(RawTls.ClientHello((ushort)version, (ushort)suite));
        byte[] answer = new byte[7];
        await Wait.ForAsync(stream.ReadExactlyAsync(answer).AsTask(), "an alert");
        Assert.Equal([21, 2, 40], [answer[0], answer[5], answer[6]]); // alert, fatal, handshake_failure
    }

    [Fact]
    public async Task What_is_no_handshake_is_refused_and_nobody_else_notices()
    {
        await using NpgsqlConnection other = await Server.OpenAsync();
        // Direct, without ALPN; what is no TLS after an answer of S; more than asked for with the request; a record that is no hello; rubbish after a good beginning
        foreach (byte[][] messages in new byte[][][]
        {
            [RawTls.ClientHello(0x0303)],
            [RawTls.SslRequest, RawTls.StartupPacket],
            [[.. RawTls.SslRequest, .. RawTls.StartupPacket]],
            [RawTls.SslRequest, [22, 3, 1, 0, 4, 9, 9, 9, 9]],
            [RawTls.SslRequest, [22, 3, 1, 255, 255, .. new byte[12_000]]],
        })
        {
            using var client = new TcpClient(TestServer.Host, Server.Port);
            NetworkStream stream = client.GetStream();
            foreach (byte[] message in messages)
            {
                await stream.WriteAsync(message);
                if (message.AsSpan().SequenceEqual(RawTls.SslRequest))
                {
                    Assert.Equal('S', stream.ReadByte());
                }
            }

            client.Client.Shutdown(SocketShutdown.Send);
            byte[] answer = await Wait.ForAsync(RawTls.ReadToEndAsync(stream), "the end of the connection");
            Assert.DoesNotContain((byte)'R', answer.Take(1)); // nobody is authenticated
        }

        Assert.Equal(1, await other.ScalarAsync<int>("select 1"));
    }

    [OursFact]
    public async Task A_few_silent_handshakes_have_a_process_each_and_more_have_none()
    {
        List<TcpClient> silent = [];
        for (int i = 0; i < 20; i++)
        {
            silent.Add(await GrantedAsync());
        }

        Assert.Equal("t|TLSv1.3|TLS_AES_256_GCM_SHA384|256|-", (await fixture.PsqlAsync($"user=postgres {Root}", Status)).Succeeded().Output.Trim()); // as one of many
        await Wait.UntilAsync(() => silent.Count(HasProcess) >= 8, "processes of the first ones");
        Assert.Equal(8, silent.Count(HasProcess));
        silent.ForEach(client => client.Dispose());

        // The places are free again.
        await Wait.UntilAsync(async () =>
        {
            using TcpClient client = await GrantedAsync();
            Assert.Equal("t", (await fixture.PsqlAsync($"user=postgres {Root}", "select ssl from pg_stat_ssl where pid = pg_backend_pid()")).Succeeded().Output.Trim()); // accepted later than that one
            return HasProcess(client);
        }, "a process for a silent client");

        bool HasProcess(TcpClient client) =>
            Server.Log.Contains(string.Create(CultureInfo.InvariantCulture, $"connection received: host=127.0.0.1 port={((IPEndPoint)client.Client.LocalEndPoint!).Port}"));

        async Task<TcpClient> GrantedAsync()
        {
            var client = new TcpClient(TestServer.Host, Server.Port);
            await client.GetStream().WriteAsync(RawTls.SslRequest);
            Assert.Equal('S', client.GetStream().ReadByte());
            return client;
        }
    }

    [Fact]
    public async Task Fifty_sessions_at_once_send_and_receive()
    {
        string text = Encrypted();
        await Wait.ForAsync(Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () =>
        {
            await using var connection = new NpgsqlConnection(text);
            await connection.OpenAsync();
            for (int size = 1; size < 400_000; size = (size * 7) + i)
            {
                string sent = new((char)('a' + (i % 26)), size);
                Assert.Equal(sent, await connection.ScalarAsync<string>("select $1::text", sent));
            }
        }))), "fifty sessions", TimeSpan.FromSeconds(120));
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_the_server_up_and_can_be_cancelled()
    {
        await using NpgsqlConnection observer = await Server.OpenAsync();
        await using var connection = new NpgsqlConnection(Encrypted());
        await connection.OpenAsync();
        int pid = await connection.ScalarAsync<int>("select pg_backend_pid()");
        await using (var command = new NpgsqlCommand("select repeat('x', 1000) from generate_series(1, 200000)", connection))
        await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync())
        {
            await observer.WaitForEventAsync(pid, "Client", "ClientWrite");
            long rows = 0;
            while (await reader.ReadAsync())
            {
                Assert.Equal(1000, reader.GetString(0).Length);
                rows++;
            }

            Assert.Equal(200_000, rows);
        }

        Task sleep = connection.ExecuteAsync("select pg_sleep(600)");
        await observer.WaitForEventAsync(pid, "Timeout", "PgSleep");
        await observer.ExecuteAsync("select pg_cancel_backend($1)", pid);
        await sleep.FailsAsync("57014");
        Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
    }

    [Fact]
    public async Task Who_waits_for_a_notification_gets_it()
    {
        await using NpgsqlConnection sender = await Server.OpenAsync();
        await using var listener = new NpgsqlConnection(Encrypted());
        await listener.OpenAsync();
        await listener.ExecuteAsync("listen news");
        int pid = await listener.ScalarAsync<int>("select pg_backend_pid()");
        for (int i = 0; i < 3; i++)
        {
            await sender.WaitForIdleAsync(pid);
            var received = new TaskCompletionSource<string>();
            listener.Notification += (_, e) => received.TrySetResult(e.Payload);
            await sender.ExecuteAsync("select pg_notify('news', $1)", $"number {i}");
            await Wait.ForAsync(listener.WaitAsync(), "a notification");
            Assert.Equal($"number {i}", await received.Task);
        }
    }

    [Fact]
    public async Task The_crash_of_an_encrypted_session_is_one_like_any_other()
    {
        await using var victim = new NpgsqlConnection(Encrypted());
        await victim.OpenAsync();
        await Server.CrashBackendAsync(await victim.ScalarAsync<int>("select pg_backend_pid()"));
        await Wait.UntilAsync(async () => (await fixture.PsqlAsync($"user=postgres {Root}", Status)).ExitCode == 0, "the server is back");
    }

    string Encrypted() => new NpgsqlConnectionStringBuilder(Server.ConnectionString())
    {
        SslMode = SslMode.VerifyCA, RootCertificate = fixture.Authority.File,
    }.ConnectionString;
}
