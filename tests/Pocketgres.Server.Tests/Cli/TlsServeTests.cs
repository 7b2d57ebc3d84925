using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>Starts, reloads and hostile clients of a server with TLS.</summary>
public sealed class TlsServeTests : IDisposable
{
    const int HangUp = 1;

    readonly TemporaryDirectory _directory = new();
    readonly TlsAuthority _authority;

    public TlsServeTests() => _authority = new TlsAuthority(_directory.Path, "authority");

    public void Dispose()
    {
        _authority.Dispose();
        _directory.Dispose();
    }

    [OursFact]
    public async Task Tls_makes_a_certificate_once()
    {
        string data = _directory.Combine("data"), made = Path.Combine(data, "pocketgres.crt");
        string[] certificates = new string[2];
        for (int round = 0; round < 2; round++)
        {
            await using CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0", "--tls"]);
            certificates[round] = await File.ReadAllTextAsync(made);
            ToolResult result = await PsqlAsync(server, $"host=localhost sslmode=verify-full sslrootcert={made}", "select version from pg_stat_ssl where pid = pg_backend_pid()");
            Assert.Equal("TLSv1.3", result.Succeeded().Output.Trim());
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(data, "pocketgres.key")));
            (await PsqlAsync(server, "host=127.0.0.1 sslmode=disable")).Succeeded();
        }

        Assert.Equal(certificates[0], certificates[1]);
    }

    [OursFact]
    public async Task Tls_in_memory_and_with_a_certificate_of_ones_own()
    {
        await using (CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--tls"]))
        {
            (await PsqlAsync(server, "host=127.0.0.1 sslmode=require channel_binding=disable")).Succeeded();
        }

        (string certificate, string key) = _authority.Server("own", "localhost");
        await using CliServer own = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--tls", "-c", $"ssl_cert_file={certificate}", "-c", $"ssl_key_file={key}"]);
        (await PsqlAsync(own, $"host=localhost sslmode=verify-full sslrootcert={_authority.File}")).Succeeded();
    }

    [OursTheory]
    [InlineData("ssl_cert_file=nowhere.crt", "could not load server certificate file \"nowhere.crt\": No such file or directory")]
    [InlineData("ssl_key_file=nowhere.key", "could not access private key file \"nowhere.key\": No such file or directory")]
    [InlineData("ssl_key_file=DIR/other.key", "check of private key failed: key values mismatch")]
    [InlineData("ssl_key_file=DIR/open.key", "has group or world access")]
    [InlineData("ssl_key_file=DIR/encrypted.key", "it requires a passphrase")]
    [InlineData("ssl_key_file=DIR/rubbish", "could not load private key file \"DIR/rubbish\": no private key in PEM form")]
    [InlineData("ssl_cert_file=DIR/rubbish", "could not load server certificate file \"DIR/rubbish\": no certificate in PEM form")]
    [InlineData("ssl_ca_file=DIR/rubbish", "could not load root certificate file \"DIR/rubbish\": no certificate in PEM form")]
    [InlineData("ssl_ca_file=DIR/damaged.crt", "could not load root certificate file \"DIR/damaged.crt\": ")]
    [InlineData("ssl_crl_file=DIR/rubbish", "could not load SSL certificate revocation list file \"DIR/rubbish\": no X509 CRL in PEM form")]
    [InlineData("ssl_ciphers=ROT13", "could not set the TLSv1.2 cipher list: \"ROT13\" is no name of a cipher suite")]
    [InlineData("ssl_tls13_ciphers=ROT13", "could not set the TLSv1.3 cipher suites: \"ROT13\" is no name of a cipher suite")]
    [InlineData("ssl_min_protocol_version=TLSv1", "\"ssl_min_protocol_version\" setting \"TLSv1\" not supported by this build")]
    [InlineData("ssl_max_protocol_version=TLSv1.1", "\"ssl_max_protocol_version\" setting \"TLSv1.1\" not supported by this build")]
    public async Task What_cannot_be_used_is_named_and_nothing_starts(string setting, string message)
    {
        (string certificate, string key) = _authority.Server("good", "localhost");
        _ = _authority.Server("other", "localhost");
        File.Copy(key, _directory.Combine("open.key"));
        File.SetUnixFileMode(_directory.Combine("open.key"), File.GetUnixFileMode(key) | UnixFileMode.OtherRead);
        await WriteAsync("rubbish", "rubbish");
        await WriteAsync("damaged.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        await WriteAsync("encrypted.key", EncryptedKey(key, "word"));
        string[] settings = ["-c", "ssl=on", "-c", $"ssl_cert_file={certificate}", "-c", $"ssl_key_file={key}", "-c", setting.Replace("DIR", _directory.Path, StringComparison.Ordinal)];
        ToolResult result = await CliServer.RunToEndAsync(["serve", "memory:", "--port", "0", .. settings]);
        Assert.Equal(1, result.ExitCode);
        string last = result.Error.TrimEnd().Split('\n')[^1];
        Assert.StartsWith("pocketgres: the server ended during start (exit code 1): ", last, StringComparison.Ordinal);
        Assert.Contains(message.Replace("DIR", _directory.Path, StringComparison.Ordinal), last, StringComparison.Ordinal);
        Assert.DoesNotContain(" | ", last, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Ciphers_versions_and_a_key_with_a_passphrase_are_as_set()
    {
        (string certificate, string key) = _authority.Server("server", "localhost");
        await WriteAsync("encrypted.key", EncryptedKey(key, "a word"));
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "-c", "ssl=on", "-c", $"ssl_cert_file={certificate}",
            "-c", $"ssl_key_file={_directory.Combine("encrypted.key")}", "-c", "ssl_passphrase_command=echo a word", "-c", "ssl_min_protocol_version=TLSv1.2",
            "-c", "ssl_ciphers=ECDHE-ECDSA-AES128-GCM-SHA256", "-c", "ssl_tls13_ciphers=TLS_AES_128_GCM_SHA256"]);
        const string Cipher = "select cipher from pg_stat_ssl where pid = pg_backend_pid()";
        Assert.Equal("TLS_AES_128_GCM_SHA256", (await PsqlAsync(server, "host=localhost sslmode=require", Cipher)).Succeeded().Output.Trim());
        Assert.Equal("ECDHE-ECDSA-AES128-GCM-SHA256", (await PsqlAsync(server, "host=localhost sslmode=require ssl_max_protocol_version=TLSv1.2", Cipher)).Succeeded().Output.Trim());
    }

    [OursFact]
    public async Task A_reload_takes_what_is_good_and_keeps_the_old_otherwise()
    {
        (string certificate, string key) = _authority.Server("server", "localhost");
        await using CliServer server = await CliServer.StartAsync(["serve", "file:" + _directory.Combine("data"), "--port", "0", "-c", $"ssl_cert_file={certificate}", "-c", $"ssl_key_file={key}"]);
        await using NpgsqlConnection admin = await server.OpenAsync();
        Assert.Equal('N', await AskAsync(server));
        await admin.ExecuteAsync("alter system set ssl = on");
        await ReloadAsync(server, () => AskIsAsync(server, 'S'), "ssl is on");
        string first = await ThumbprintAsync(server);
        await using var old = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString()) { SslMode = SslMode.Require }.ConnectionString);
        await old.OpenAsync();

        _ = _authority.Server("server", "localhost"); // the same files
        await ReloadAsync(server, async () => await ThumbprintAsync(server) != first, "a new certificate");
        string second = await ThumbprintAsync(server);
        Assert.Equal(1, await old.ScalarAsync<int>("select 1"));

        _ = _authority.Server("other", "localhost");
        File.Copy(_directory.Combine("other.key"), key, overwrite: true);
        await ReloadAsync(server, () => Task.FromResult(server.Log.Contains("SSL configuration was not reloaded")), "a refusal");
        Assert.True(server.Log.Contains("check of private key failed: key values mismatch"));
        Assert.Equal(second, await ThumbprintAsync(server));

        await admin.ExecuteAsync("alter system set ssl = off");
        await ReloadAsync(server, () => AskIsAsync(server, 'N'), "ssl is off");
        Assert.Equal(1, await old.ScalarAsync<int>("select 1"));
    }

    [OursFact]
    public async Task Handshakes_that_never_end_cost_nobody_anything_and_are_ended()
    {
        const int Stalled = 1000, Working = 10, HasProcess = 20;
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--tls", "-c", "authentication_timeout=6s", "-c", "max_connections=40"]);
        string text = new NpgsqlConnectionStringBuilder(server.ConnectionString()) { SslMode = SslMode.Require }.ConnectionString;
        await using (var first = new NpgsqlConnection(text))
        {
            await first.OpenAsync();
        }

        var clients = new List<TcpClient>();
        try
        {
            byte[] hello = RawTls.ClientHello(0x0303);
            int before = Processes(server), descriptors = Descriptors(server);
            for (int i = 0; i < Stalled; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(TestServer.Host, server.Port);
                clients.Add(client);
                try
                {
                    await client.GetStream().WriteAsync(i % 3 == 0 ? RawTls.SslRequest : hello.AsMemory(0, (i % 3) * (hello.Length / 3)));
                    if (i % 3 == 0 && i < 30)
                    {
                        Assert.Equal('S', client.GetStream().ReadByte());
                        await client.GetStream().WriteAsync(hello.AsMemory(0, hello.Length / 2));
                    }
                }
                catch (IOException)
                {
                    // closed already: so many wait that the oldest must go
                }
            }

            await Wait.ForAsync(Task.WhenAll(Enumerable.Range(0, Working).Select(_ => Task.Run(async () =>
            {
                for (int i = 0; i < 5; i++)
                {
                    await using var connection = new NpgsqlConnection(text);
                    await connection.OpenAsync();
                    Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
                }
            }))), "clients that work");
            await Wait.UntilAsync(() => Processes(server) <= before, "only those that work have had a process");

            // With a whole hello each has a process, until the time is over; and so has who says no more after an answer.
            for (int i = 0; i < HasProcess; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(TestServer.Host, server.Port);
                clients.Add(client);
                await client.GetStream().WriteAsync(RawTls.SslRequest);
                Assert.Equal('S', client.GetStream().ReadByte());
                await client.GetStream().WriteAsync(RawTls.ClientHello(0x0303));
            }

            await Wait.ForAsync(Task.WhenAll(clients.Select(c => RawTls.ReadToEndAsync(c.GetStream()))), "the end of all that stall");
            await Wait.UntilAsync(() => Processes(server) <= before, "processes are gone");
            await Wait.UntilAsync(() => Descriptors(server) <= descriptors + 2, "descriptors are free"); // a set of epoll and its timer stay
        }
        finally
        {
            clients.ForEach(c => c.Dispose());
        }
    }

    // Not those of assemblies: .NET loads some late, and keeps two for each.
    static int Descriptors(CliServer server) =>
        Directory.GetFileSystemEntries($"/proc/{server.Pid}/fd").Count(d => new FileInfo(d).LinkTarget is { } target && !target.EndsWith(".dll", StringComparison.Ordinal));

    static int Processes(CliServer server) => Directory.GetDirectories($"/proc/{server.Pid}/task").Count(IsProcess);

    // A thread that has run a process is kept for a while, under another name.
    static bool IsProcess(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("pg-", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    static async Task<char> AskAsync(CliServer server)
    {
        using var client = new TcpClient(TestServer.Host, server.Port);
        await client.GetStream().WriteAsync(RawTls.SslRequest);
        return (char)client.GetStream().ReadByte();
    }

    static async Task<bool> AskIsAsync(CliServer server, char answer) => await AskAsync(server) == answer;

    static async Task<string> ThumbprintAsync(CliServer server)
    {
        using var client = new TcpClient(TestServer.Host, server.Port);
        string thumbprint = "";
        await using var stream = new SslStream(client.GetStream(), false, (_, certificate, _, _) => (thumbprint = certificate!.GetCertHashString(HashAlgorithmName.SHA256)).Length > 0);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = [new SslApplicationProtocol("postgresql")] });
        return thumbprint;
    }

    static async Task ReloadAsync(CliServer server, Func<Task<bool>> condition, string what)
    {
        server.Signal(HangUp);
        await Wait.UntilAsync(condition, what);
    }

    static string EncryptedKey(string file, string word)
    {
        using ECDsa key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(file));
        return key.ExportEncryptedPkcs8PrivateKeyPem(word, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 10_000)) + "\n";
    }

    async Task WriteAsync(string name, string content)
    {
        await File.WriteAllTextAsync(_directory.Combine(name), content);
        File.SetUnixFileMode(_directory.Combine(name), UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    static Task<ToolResult> PsqlAsync(CliServer server, string connection, string sql = "select 1") =>
        Tool.RunAsync(Workspace.Pg18("psql"), ["-X", "-At", "-c", sql, string.Create(CultureInfo.InvariantCulture, $"{connection} port={server.Port} user=postgres dbname=postgres")],
            new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8", ["HOME"] = "/nonexistent" });
}
