using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>Who signs certificates in a test, and the files of them.</summary>
sealed class TlsAuthority : IDisposable
{
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    readonly string _directory;
    readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    readonly X509Certificate2 _certificate;

    /// <param name="directory">Where the files go.</param>
    /// <param name="name">The authority's common name.</param>
    public TlsAuthority(string directory, string name)
    {
        _directory = directory;
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(2));
        File = Write($"{name}.crt", _certificate.ExportCertificatePem());
    }

    /// <summary>Its certificate.</summary>
    public string File { get; }

    /// <summary>A server's certificate and key.</summary>
    /// <param name="file">Name of the files.</param>
    /// <param name="host">The host's name in it.</param>
    /// <param name="rsa">By RSA, with SHA-384; else by an elliptic curve.</param>
    /// <param name="isExpired">Its time is over.</param>
    public (string Certificate, string Key) Server(string file, string host, bool rsa = false, bool isExpired = false)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        names.AddIpAddress(IPAddress.Loopback);
        return Issue(file, $"CN={host}", names.Build(), "1.3.6.1.5.5.7.3.1", rsa, DateTimeOffset.UtcNow.AddDays(isExpired ? -1 : 365), out _);
    }

    /// <summary>A client's certificate and key, and its serial number.</summary>
    public (string Certificate, string Key) Client(string file, string subject, out X509Certificate2 certificate, bool isExpired = false) =>
        Issue(file, subject, null, "1.3.6.1.5.5.7.3.2", false, DateTimeOffset.UtcNow.AddDays(isExpired ? -1 : 365), out certificate);

    /// <summary>A list of what it has revoked.</summary>
    public string Revoke(string file, params X509Certificate2[] certificates)
    {
        var list = new CertificateRevocationListBuilder();
        foreach (X509Certificate2 certificate in certificates)
        {
            list.AddEntry(certificate);
        }

        using X509Certificate2 issuer = _certificate.HasPrivateKey ? new X509Certificate2(_certificate) : _certificate.CopyWithPrivateKey(_key);
        byte[] bytes = list.Build(issuer, 1, DateTimeOffset.UtcNow.AddDays(1), HashAlgorithmName.SHA256, thisUpdate: DateTimeOffset.UtcNow.AddDays(-1));
        return Write(file, PemEncoding.WriteString("X509 CRL", bytes));
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }

    (string Certificate, string Key) Issue(string file, string subject, X509Extension? names, string usage, bool rsa, DateTimeOffset end, out X509Certificate2 certificate)
    {
        using RSA? rsaKey = rsa ? RSA.Create(2048) : null;
        using ECDsa? curveKey = rsa ? null : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = rsaKey is not null
            ? new CertificateRequest(subject, rsaKey, HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(subject, curveKey!, HashAlgorithmName.SHA256);
        if (names is not null)
        {
            request.CertificateExtensions.Add(names);
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        byte[] serial = RandomNumberGenerator.GetBytes(12);
        serial[0] = 0x80; // it is positive all the same
        certificate = request.Create(_certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(_key), DateTimeOffset.UtcNow.AddYears(-1), end, serial);
        AsymmetricAlgorithm key = (AsymmetricAlgorithm?)rsaKey ?? curveKey!;
        return (Write(file + ".crt", certificate.ExportCertificatePem()), Write(file + ".key", key.ExportPkcs8PrivateKeyPem()));
    }

    string Write(string name, string pem)
    {
        string path = Path.Combine(_directory, name);
        System.IO.File.Delete(path);
        System.IO.File.WriteAllText(path, pem + "\n");
        System.IO.File.SetUnixFileMode(path, OwnerOnly);
        return path;
    }
}
