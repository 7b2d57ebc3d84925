using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using Pocketgres.Engine.Tls;

namespace Pocketgres.Engine.Tests;

/// <summary>TLS of clusters as objects, and the names it shows.</summary>
public sealed class TlsTests
{
    [Fact]
    public async Task Clusters_in_one_process_have_certificates_of_their_own_and_clones_their_sources()
    {
        await using var source = await StartAsync();
        await using var other = await StartAsync();
        await using var open = await OpenAsync(source, out var before);
        using var snapshot = await source.SnapshotAsync();
        Assert.True(snapshot.HasMemory, snapshot.Limitation);
        await using var clone = await PostgresCluster.StartCloneAsync(snapshot, new ClusterOptions { Port = 0 });
        Assert.Equal("TLSv1.3", await VersionAsync(open)); // as if nothing had been
        await using (await OpenAsync(clone, out var ofClone))
        await using (await OpenAsync(other, out var ofOther))
        {
            Assert.Equal(await before, await ofClone);
            Assert.NotEqual(await before, await ofOther);
        }

        await using var first = await OpenAsync(clone, out _);
        await using var command = new NpgsqlCommand("select count(*)::int from pg_stat_activity where backend_type = 'client backend'", first);
        Assert.Equal(1, await command.ExecuteScalarAsync()); // the source's session is not there
    }

    [Theory]
    [InlineData(TlsCipherSuite.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256)]
    [InlineData(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", 256)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", 256)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", 128)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", 128)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", 128)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", 256)]
    [InlineData(TlsCipherSuite.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", 256)]
    public void Cipher_suites_have_OpenSSLs_names(TlsCipherSuite suite, string name, int bits)
    {
        Assert.Equal(name, CipherNames.OpenSsl(suite));
        Assert.Equal(bits, CipherNames.Bits(suite));
        Assert.Equal([suite], name.StartsWith("TLS_", StringComparison.Ordinal) ? CipherNames.Tls13(name)! : CipherNames.Tls12(name)!);
    }

    [Fact]
    public void Names_are_written_as_OpenSSL_does()
    {
        // What X509_NAME_print_ex with XN_FLAG_RFC2253 and PostgreSQL's own form give for it
        var builder = new X500DistinguishedNameBuilder();
        builder.AddCommonName(" a,b+c=\"d\"\\<e>;\u00e9\n#");
        builder.AddOrganizationalUnitName("#one two ");
        builder.AddEmailAddress("ann@example");
        builder.Add("1.2.3.4", "unknown");
        var name = builder.Build();
        string[] parts = [@"CN=\ a\,b\+c=\""d\""\\\<e\>\;\C3\A9\0A#", @"OU=\#one two\ ", "emailAddress=ann@example", "1.2.3.4=unknown"];
        Assert.Equal(parts.Order(), SplitUnescaped(CertificateNames.Rfc2253(name), ',').Order());
        Assert.Equal(parts.Select(p => p.Replace(@"\C3\A9", "\u00e9", StringComparison.Ordinal)).Order(), CertificateNames.Slashed(name)[1..].Split('/').Order());
        Assert.Equal(" a,b+c=\"d\"\\<e>;\u00e9\n#", CertificateNames.CommonName(name));
        Assert.Null(CertificateNames.CommonName(new X500DistinguishedName("O=shop")));
        Assert.Equal("CN=ann,O=shop", CertificateNames.Rfc2253(new X500DistinguishedName("CN=ann, O=shop"))); // .NET writes the last part first, too
    }

    [Fact]
    public void Lists_of_revoked_certificates_must_be_their_issuers_and_current()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Root(key);
        using var forger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var impostor = Root(forger); // of the same name
        using var good = Issue(root, 1);
        using var bad = Issue(root, 2);
        var now = DateTimeOffset.UtcNow;
        string current = List(root, now.AddHours(-1), now.AddHours(1), 2);
        Assert.Null(Find(current, good, root));
        Assert.Equal((0, "certificate revoked"), Find(current, bad, root));
        Assert.Equal((0, "CRL has expired"), Find(List(root, now.AddHours(-2), now.AddHours(-1)), good, root));
        Assert.Equal((0, "CRL is not yet valid"), Find(List(root, now.AddHours(1), now.AddHours(2)), good, root));
        Assert.Equal((0, "CRL signature failure"), Find(List(impostor, now.AddHours(-1), now.AddHours(1)), good, root));
        Assert.Equal((0, "unable to get certificate CRL"), Find(List(Root(key, "CN=other"), now.AddHours(-1), now.AddHours(1)), good, root));
        Assert.Throws<FormatException>(() => RevocationLists.Read(root.ExportCertificatePem()));
        Assert.Throws<CryptographicException>(() => RevocationLists.Read(PemEncoding.WriteString("X509 CRL", [1, 2, 3])));
    }

    private static (int, string)? Find(string list, X509Certificate2 leaf, X509Certificate2 root)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        Assert.True(chain.Build(leaf));
        return RevocationLists.Read(list).Find(chain);
    }

    private static X509Certificate2 Root(ECDsa key, string name = "CN=root")
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static X509Certificate2 Issue(X509Certificate2 root, byte serial)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest("CN=leaf", key, HashAlgorithmName.SHA256).Create(root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), [serial]);
    }

    private static string List(X509Certificate2 issuer, DateTimeOffset from, DateTimeOffset to, params byte[] serials)
    {
        var list = new CertificateRevocationListBuilder();
        foreach (byte serial in serials)
        {
            list.AddEntry([serial]);
        }

        return PemEncoding.WriteString("X509 CRL", list.Build(issuer, 1, to, HashAlgorithmName.SHA256, thisUpdate: from));
    }

    private static IEnumerable<string> SplitUnescaped(string text, char separator)
    {
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == separator)
            {
                yield return text[start..i];
                start = i + 1;
            }
        }

        yield return text[start..];
    }

    private static Task<PostgresCluster> StartAsync() => PostgresCluster.StartAsync(new ClusterOptions { Port = 0, SelfSignedTls = true });

    private static Task<NpgsqlConnection> OpenAsync(PostgresCluster cluster, out Task<string> thumbprint)
    {
        var seen = new TaskCompletionSource<string>();
        thumbprint = seen.Task;
        return OpenAsync(cluster, seen);
    }

    private static async Task<NpgsqlConnection> OpenAsync(PostgresCluster cluster, TaskCompletionSource<string> thumbprint)
    {
        var builder = new NpgsqlDataSourceBuilder(new NpgsqlConnectionStringBuilder
        {
            Host = IPAddress.Loopback.ToString(), Port = cluster.Port, Username = "postgres", Database = "postgres", SslMode = SslMode.Require, Pooling = false,
        }.ConnectionString);
        builder.UseSslClientAuthenticationOptionsCallback(options => options.RemoteCertificateValidationCallback =
            (_, certificate, _, _) => thumbprint.TrySetResult(certificate!.GetCertHashString(HashAlgorithmName.SHA256)));
        return await builder.Build().OpenConnectionAsync();
    }

    private static async Task<string> VersionAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("select version from pg_stat_ssl where pid = pg_backend_pid()", connection);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
