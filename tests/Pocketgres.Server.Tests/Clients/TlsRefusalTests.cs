using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>Clients that check whom they talk to, and servers that they must not talk to: another authority's certificate, another name, a time that is over.</summary>
public sealed class TlsRefusalTests(TlsFixture fixture) : IClassFixture<TlsFixture>
{
    string Authority => fixture.Authority.File;

    [Fact]
    public async Task Psql()
    {
        const string Full = "user=postgres sslmode=verify-full";
        Assert.Contains("certificate verify failed", (await fixture.PsqlAsync($"{Full} sslrootcert={fixture.Stranger.File}")).Error, StringComparison.Ordinal);
        Assert.Contains("does not match host name \"other.example\"", (await fixture.PsqlAsync($"{Full} sslrootcert={Authority} host=other.example")).Error, StringComparison.Ordinal);
        Assert.Contains("certificate verify failed", (await fixture.PsqlAsync($"{Full} sslrootcert={Authority} port={(await fixture.ExpiredAsync()).Port}")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Npgsql()
    {
        await using (NpgsqlConnection trusted = Connection("127.0.0.1", fixture.Server.Port, Authority))
        {
            await trusted.OpenAsync();
            Assert.Equal("TLSv1.3", await trusted.ScalarAsync<string>("select version from pg_stat_ssl where pid = pg_backend_pid()"));
        }

        // Each differs in one thing from that one.
        foreach ((string host, int port, string authority) in ((string, int, string)[])[
            ("127.0.0.1", fixture.Server.Port, fixture.Stranger.File), ("localhost", fixture.Server.Port, Authority), ("127.0.0.1", (await fixture.ExpiredAsync()).Port, Authority)])
        {
            await using NpgsqlConnection connection = Connection(host, port, authority);
            var refusal = await Assert.ThrowsAsync<NpgsqlException>(() => connection.OpenAsync());
            Assert.IsType<AuthenticationException>(refusal.InnerException);
        }

        static NpgsqlConnection Connection(string host, int port, string authority) => new(new NpgsqlConnectionStringBuilder
        {
            Host = host, Port = port, Username = "postgres", Database = "postgres", Pooling = false, SslMode = SslMode.VerifyFull, RootCertificate = authority,
        }.ConnectionString);
    }

    [Fact]
    public Task Node_postgres() => RunAsync("node", [Path.Combine(Workspace.ClientScripts, "node", "node-postgres-tls.cjs")]);

    [JavaFact]
    public async Task Pgjdbc()
    {
        Assert.True(File.Exists(DriverTests.PgjdbcFile), $"pgjdbc is not installed ({DriverTests.PgjdbcFile}): run eng/clients.sh");
        using var key = ECDsa.Create();
        key.ImportFromPem(await File.ReadAllTextAsync(fixture.Path("ann.key")));
        await File.WriteAllBytesAsync(fixture.Path("ann.pk8"), key.ExportPkcs8PrivateKey());
        await RunAsync("java", ["-cp", DriverTests.PgjdbcFile, Path.Combine(Workspace.ClientScripts, "java", "PgjdbcTls.java")]);
    }

    async Task RunAsync(string program, string[] arguments)
    {
        var environment = new Dictionary<string, string>
        {
            ["NODE_PATH"] = Workspace.NodeModules, ["PGPORT"] = fixture.Server.Port.ToString(CultureInfo.InvariantCulture), ["EXPIREDPORT"] = (await fixture.ExpiredAsync()).Port.ToString(CultureInfo.InvariantCulture),
            ["AUTHORITY"] = Authority, ["STRANGER"] = fixture.Stranger.File, ["NAME"] = TlsFixture.Name, ["CERTIFICATE"] = fixture.Path("ann.crt"), ["KEY"] = fixture.Path("ann.pk8"),
        };
        Assert.Equal("ok", (await Tool.RunAsync(program, arguments, environment)).Succeeded().Output.Trim());
    }
}
