using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pocketgres.Engine.Tls;

/// <summary>The channel binding tls-server-end-point (RFC 5929): the hash of the server's certificate by the algorithm of its signature, SHA-256 in place of weaker ones.</summary>
internal static class EndPointBinding
{
    private const string Pss = "1.2.840.113549.1.1.10";

    /// <summary>The hash; null when the signature's algorithm has none (Ed25519) or is not known.</summary>
    public static byte[]? Hash(X509Certificate2 certificate) => SignatureHash(certificate)?.Name switch
    {
        "MD5" or "SHA1" or "SHA256" => SHA256.HashData(certificate.RawData),
        "SHA384" => SHA384.HashData(certificate.RawData),
        "SHA512" => SHA512.HashData(certificate.RawData),
        _ => null,
    };

    /// <summary>The hash in an algorithm for signatures, by its identifier; null when it is not known.</summary>
    public static HashAlgorithmName? OfSignature(string? algorithm) => algorithm switch
    {
        "1.2.840.113549.1.1.4" => HashAlgorithmName.MD5,
        "1.2.840.113549.1.1.5" or "1.2.840.10045.4.1" => HashAlgorithmName.SHA1,
        "1.2.840.113549.1.1.11" or "1.2.840.10045.4.3.2" => HashAlgorithmName.SHA256,
        "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" => HashAlgorithmName.SHA384,
        "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" => HashAlgorithmName.SHA512,
        _ => null,
    };

    private static HashAlgorithmName? SignatureHash(X509Certificate2 certificate) =>
        certificate.SignatureAlgorithm.Value == Pss ? OfPss(certificate.RawData) : OfSignature(certificate.SignatureAlgorithm.Value);

    // Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { OID, RSASSA-PSS-params }, ... }; the hash is the parameters' [0], SHA-1 if absent (RFC 4055).
    private static HashAlgorithmName? OfPss(byte[] certificate)
    {
        var outer = new AsnReader(certificate, AsnEncodingRules.DER).ReadSequence();
        _ = outer.ReadEncodedValue();
        var algorithm = outer.ReadSequence();
        _ = algorithm.ReadObjectIdentifier();
        var parameters = algorithm.ReadSequence();
        var hash = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        if (!parameters.HasData || !parameters.PeekTag().HasSameClassAndValue(hash))
        {
            return HashAlgorithmName.SHA1;
        }

        return parameters.ReadSequence(hash).ReadSequence().ReadObjectIdentifier() switch
        {
            "1.3.14.3.2.26" => HashAlgorithmName.SHA1,
            "2.16.840.1.101.3.4.2.1" => HashAlgorithmName.SHA256,
            "2.16.840.1.101.3.4.2.2" => HashAlgorithmName.SHA384,
            "2.16.840.1.101.3.4.2.3" => HashAlgorithmName.SHA512,
            _ => null,
        };
    }
}
