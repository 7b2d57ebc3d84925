using System.Security.Cryptography.X509Certificates;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Transport;
using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores.Transport;

/// <summary>Stores behind TLS and behind a proxy, as the command finds them: whom it trusts, and which proxy it uses, its environment says.</summary>
public sealed class TlsAndProxyTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();
    readonly MemoryObjectStore _store = new();
    readonly S3Server _s3;

    public TlsAndProxyTests() => _s3 = TestCredentials.Serve(_store);

    public void Dispose()
    {
        _s3.Dispose();
        _store.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Who_signed_the_stores_certificate_must_be_trusted()
    {
        using var authority = new TlsAuthority(_directory.Path, "authority");
        var (certificate, key) = authority.Server("server", "localhost");
        using var pair = X509Certificate2.CreateFromPemFile(certificate, key);
        using var server = new RawHttpServer((head, stream) => RawHttpServer.ForwardAsync(head, stream, _s3.Port), pair);
        string url = $"s3://bucket/x?endpoint=https://localhost:{server.Port}";
        var probe = await CliServer.RunToEndAsync(new Dictionary<string, string> { ["SSL_CERT_FILE"] = authority.File }, "probe", url);
        Assert.True(probe.ExitCode == 0, probe.Error);
        Assert.Contains("can hold a cluster", probe.Output, StringComparison.Ordinal);
        Assert.True(server.Requests > 5);

        // Another name than the certificate's, and nobody's trust.
        int asked = server.Requests;
        var other = await CliServer.RunToEndAsync(
            new Dictionary<string, string> { ["SSL_CERT_FILE"] = authority.File }, "probe", $"s3://bucket/x?endpoint=https://localhost.localdomain:{server.Port}");
        Assert.NotEqual(0, other.ExitCode);
        using var untrusting = new S3ObjectStore(
            new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse($"https://localhost:{server.Port}") }, TestCredentials.Environment);
        var e = await Assert.ThrowsAsync<ObjectStoreException>(() => untrusting.GetAsync("a"));
        Assert.Contains("certificate", e.Message, StringComparison.Ordinal);
        Assert.Equal(asked, server.Requests); // no secret has left
    }

    [Theory]
    [InlineData("HTTP_PROXY")]
    [InlineData("http_proxy")]
    [InlineData("ALL_PROXY")]
    public async Task A_proxy_in_the_environment_is_used(string variable)
    {
        // Which gets whole URLs, of a host that nobody else finds.
        using var proxy = new RawHttpServer((head, stream) =>
            RawHttpServer.ForwardAsync(head.Replace("http://store.invalid/", "/", StringComparison.Ordinal), stream, _s3.Port));
        var environment = new Dictionary<string, string> { [variable] = $"http://127.0.0.1:{proxy.Port}" };
        var probe = await CliServer.RunToEndAsync(environment, "probe", "s3://bucket/x?endpoint=http://store.invalid");
        Assert.True(probe.ExitCode == 0, probe.Error);
        Assert.True(proxy.Requests > 0);
    }
}
