using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// A certificate for development, in the data directory: for this machine's names, signed by itself, so that a client who wants to check it needs the file. Made once; who deletes
/// it gets another at the next start.
/// </summary>
internal static class SelfSignedCertificate
{
    /// <summary>Names in a data directory.</summary>
    public const string CertificateFile = "pocketgres.crt", KeyFile = "pocketgres.key";

    private const string CertificateSetting = "ssl_cert_file", KeySetting = "ssl_key_file";
    private const int OwnerOnly = 0x180, Readable = 0x1A4; // 0600, 0644
    private const int Years = 10;

    /// <summary>The settings with <c>ssl</c> on, and with the certificate if neither they nor the configuration files name one; makes it if it is missing.</summary>
    /// <exception cref="ClusterException">It cannot be written.</exception>
    public static IReadOnlyDictionary<string, string> AddTo(IReadOnlyDictionary<string, string> settings, MountTable files, string dataDirectory)
    {
        var result = new Dictionary<string, string>(settings, StringComparer.OrdinalIgnoreCase) { ["ssl"] = "on" };
        try
        {
            if (Names(CertificateSetting) || Names(KeySetting))
            {
                return result;
            }

            if (!Exists(files, $"{dataDirectory}/{CertificateFile}") || !Exists(files, $"{dataDirectory}/{KeyFile}"))
            {
                // The certificate last: with it there is a key.
                var (certificate, key) = Make();
                Write(files, $"{dataDirectory}/{KeyFile}", key, OwnerOnly);
                Write(files, $"{dataDirectory}/{CertificateFile}", certificate, Readable);
            }
        }
        catch (FileSystemException e)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible, $"cannot make a certificate: {e.Message}", e);
        }

        result[CertificateSetting] = CertificateFile;
        result[KeySetting] = KeyFile;
        return result;

        bool Names(string setting) => result.ContainsKey(setting) || ConfigurationFiles.Set(files, dataDirectory, setting);
    }

    private static bool Exists(MountTable files, string path) =>
        files.Resolve(path, followLast: true, out var location) == Errno.None && FileTree.Exists(location.FileSystem, location.Path);

    /// <summary>Makes one for this machine's names.</summary>
    /// <param name="domain">Also for this name and those directly below it; null for none.</param>
    /// <returns>Certificate and key in PEM form.</returns>
    public static (string Certificate, string Key) Make(string? domain = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost,O=pocketgres development", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (string name in Names(domain).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            names.AddDnsName(name);
        }

        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false)); // a server's
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(Years));
        return (certificate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    private static IEnumerable<string> Names(string? domain)
    {
        yield return "localhost";
        if (Environment.MachineName is { Length: > 0 } machine && Uri.CheckHostName(machine) == UriHostNameType.Dns)
        {
            yield return machine;
        }

        if (domain is not null)
        {
            yield return domain;
            yield return "*." + domain;
        }
    }

    private static void Write(MountTable files, string path, string pem, int mode)
    {
        FileSystemException.ThrowIf(files.Resolve(path, followLast: true, out var location), "find", path);
        FileTree.WriteAll(location.FileSystem, location.Path, Encoding.ASCII.GetBytes(pem), mode, sync: true);
    }
}
