using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Pocketgres.Engine.Tls;

/// <summary>What TLS says when something fails.</summary>
internal static class TlsMessages
{
    private static readonly string[] s_versions = ["protocol version", "unsupported protocol", "unknown protocol", "wrong version number", "no protocols available", "ssl version", "version too low", "version too high"];

    /// <summary>OpenSSL's reason, if the innermost exception has one (<c>error:0A000102:SSL routines::unsupported protocol</c>), or the exception's own words, on one line.</summary>
    public static string Of(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        string message = e.Message.ReplaceLineEndings(" ");
        int reason = message.StartsWith("error:", StringComparison.Ordinal) ? message.LastIndexOf(':') : -1;
        return reason < 0 ? message : message[(reason + 1)..];
    }

    /// <summary>Whether this reason of OpenSSL is that client and server speak no common version.</summary>
    public static bool IsOfVersion(string reason) => s_versions.Any(v => reason.Contains(v, StringComparison.Ordinal));

    /// <summary>The detail about a client's certificate that is not trusted, as natively.</summary>
    public static string Untrusted(X509Certificate2 certificate, int depth, string reason) =>
        $"Client certificate verification failed at depth {depth}: {reason}.\nFailed certificate data (unverified): "
        + $"subject \"{Short(CertificateNames.Slashed(certificate.SubjectName))}\", serial number {CertificateNames.Serial(certificate)}, issuer \"{Short(CertificateNames.Slashed(certificate.IssuerName))}\".";

    /// <summary>The status of a certificate in a chain in OpenSSL's words.</summary>
    /// <param name="element">The certificate.</param>
    /// <param name="status">One of its problems, as .NET puts it.</param>
    /// <param name="depth">Its place; the client's own has 0.</param>
    public static string Reason(X509ChainElement element, X509ChainStatus status, int depth) => status.Status switch
    {
        X509ChainStatusFlags.NotTimeValid => element.Certificate.NotAfter < DateTime.Now ? "certificate has expired" : "certificate is not yet valid",
        X509ChainStatusFlags.UntrustedRoot => depth == 0 ? "self-signed certificate" : "self-signed certificate in certificate chain",
        X509ChainStatusFlags.PartialChain => "unable to get local issuer certificate",
        X509ChainStatusFlags.NotSignatureValid => "certificate signature failure",
        X509ChainStatusFlags.NotValidForUsage => "unsuitable certificate purpose",
        X509ChainStatusFlags.InvalidBasicConstraints => "invalid CA certificate",
        _ => status.StatusInformation.ReplaceLineEndings(" ").TrimEnd('.', ' '),
    };

    // The end of a long name says most. Nothing but printable ASCII gets into the log (pg_clean_ascii).
    private static string Short(string name)
    {
        const int maximum = 71;
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        var text = new StringBuilder();
        if (bytes.Length > maximum)
        {
            bytes = bytes[^(maximum - 3)..];
            text.Append("...");
        }

        foreach (byte b in bytes)
        {
            _ = b is >= 32 and < 127 ? text.Append((char)b) : text.Append($"\\x{b:x2}");
        }

        return text.ToString();
    }
}
