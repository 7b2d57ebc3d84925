using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>A server with TLS, an authority that has signed its certificate and those of clients, and another one that has signed others.</summary>
public sealed class TlsFixture : IAsyncLifetime
{
    /// <summary>The name in the server's certificate.</summary>
    public const string Name = "db.example";

    const string Authentication = """
        hostssl all ann all cert
        hostssl all ben all cert map=people
        hostssl all verified all trust clientcert=verify-ca
        hostssl all scram all scram-sha-256
        hostnossl all plain all trust
        hostssl all secret all trust
        host all postgres all trust
        """;

    readonly TemporaryDirectory _directory = new();
    Task<TestServer>? _expired;

    internal TestServer Server { get; private set; } = null!;

    internal TlsAuthority Authority { get; private set; } = null!;

    internal TlsAuthority Stranger { get; private set; } = null!;

    internal X509Certificate2 Ann { get; private set; } = null!;

    internal string Directory => _directory.Path;

    internal string Path(string name) => _directory.Combine(name);

    public async Task InitializeAsync()
    {
        Authority = new TlsAuthority(Directory, "authority");
        Stranger = new TlsAuthority(Directory, "stranger");
        (string certificate, string key) = Authority.Server("server", Name, rsa: true);
        _ = Authority.Client("ann", "CN=ann, O=Gr\u00fcn", out X509Certificate2 ann);
        Ann = ann;
        _ = Authority.Client("benjamin", "CN=benjamin@example", out _);
        _ = Authority.Client("expired", "CN=ann", out _, isExpired: true);
        _ = Authority.Client("revoked", "CN=ann", out X509Certificate2 revoked);
        _ = Stranger.Client("forged", "CN=ann", out _);
        await File.WriteAllTextAsync(Path("hba"), Authentication);
        await File.WriteAllTextAsync(Path("ident"), "people /^benjamin@.*$ ben\n");
        string lists = Authority.Revoke("lists.crl", revoked);
        await GiveToServerAsync();
        Server = await TestServer.StartAsync(new ServerOptions
        {
            CrashesBackends = true,
            Settings = new Dictionary<string, string>
            {
                ["ssl"] = "on", ["ssl_cert_file"] = certificate, ["ssl_key_file"] = key, ["ssl_ca_file"] = Authority.File, ["ssl_crl_file"] = lists,
                ["hba_file"] = Path("hba"), ["ident_file"] = Path("ident"), ["authentication_timeout"] = "5s", ["max_connections"] = "80", ["log_connections"] = "all",
            },
        });
        await using NpgsqlConnection connection = await Server.OpenAsync();
        await connection.ExecuteAsync("""
            create role ann login; create role ben login; create role verified login; create role plain login; create role secret login;
            create role scram login password 'word'
            """);
    }

    /// <summary>A server whose certificate is too old, started when it is asked for.</summary>
    internal Task<TestServer> ExpiredAsync() => _expired ??= StartExpiredAsync();

    async Task<TestServer> StartExpiredAsync()
    {
        (string certificate, string key) = Authority.Server("old", Name, isExpired: true);
        await GiveToServerAsync();
        return await TestServer.StartAsync(new ServerOptions { Settings = new Dictionary<string, string> { ["ssl"] = "on", ["ssl_cert_file"] = certificate, ["ssl_key_file"] = key } });
    }

    /// <summary>Native PostgreSQL runs as another user where the tests are root, and reads its key only if it is that user's.</summary>
    internal async Task GiveToServerAsync()
    {
        if (TestServer.Native && Environment.UserName == "root")
        {
            (await Tool.RunAsync("chown", ["-R", "nobody", Directory])).Succeeded();
        }
    }

    /// <summary>Runs psql over TCP with these words of a connection string; the certificate's name is the host's.</summary>
    internal async Task<ToolResult> PsqlAsync(string connection, string sql = "select 1") =>
        await Tool.RunAsync(Workspace.Pg18("psql"), ["-X", "-At", "-c", sql,
            string.Create(CultureInfo.InvariantCulture, $"host={Name} hostaddr={TestServer.Host} port={Server.Port} dbname=postgres {connection}")],
            new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8", ["HOME"] = "/nonexistent" });

    /// <summary>With a full check of the server, and perhaps a client's certificate.</summary>
    internal Task<ToolResult> VerifiedAsync(string user, string? certificate = null, string sql = "select 1", string options = "") =>
        PsqlAsync($"user={user} {options} sslmode=verify-full sslrootcert={Authority.File}" + (certificate is null ? "" : $" sslcert={Path(certificate + ".crt")} sslkey={Path(certificate + ".key")}"), sql);

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        if (_expired is not null)
        {
            await (await _expired).DisposeAsync();
        }

        Ann.Dispose();
        Authority.Dispose();
        Stranger.Dispose();
        _directory.Dispose();
    }
}
