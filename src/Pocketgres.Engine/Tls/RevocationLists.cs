using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// Lists of revoked certificates from a file (RFC 5280, section 5): .NET fetches such lists from the network only. As natively, every certificate of a chain, the root too,
/// needs its issuer's list.
/// </summary>
internal sealed class RevocationLists
{
    private readonly List<RevocationList> _lists;

    private RevocationLists(List<RevocationList> lists) => _lists = lists;

    /// <summary>Reads the lists in a file in PEM form.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    /// <exception cref="CryptographicException">One cannot be read, or has an extension that must be understood and is not.</exception>
    public static RevocationLists Read(string text)
    {
        var lists = new List<RevocationList>();
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (rest[fields.Label] is "X509 CRL")
            {
                try
                {
                    lists.Add(RevocationList.Parse(Convert.FromBase64String(rest[fields.Base64Data].ToString())));
                }
                catch (AsnContentException e)
                {
                    throw new CryptographicException("malformed list", e);
                }
            }

            rest = rest[fields.Location.End..];
        }

        return lists.Count > 0 ? new RevocationLists(lists) : throw new FormatException("no X509 CRL in PEM form");
    }

    /// <summary>Looks at all certificates of a chain that is good otherwise.</summary>
    /// <returns>The certificate that is not to be trusted and why, in OpenSSL's words; null when there is none.</returns>
    public (int Depth, string Reason)? Find(X509Chain chain)
    {
        for (int depth = 0; depth < chain.ChainElements.Count; depth++)
        {
            var certificate = chain.ChainElements[depth].Certificate;
            var issuer = chain.ChainElements[Math.Min(depth + 1, chain.ChainElements.Count - 1)].Certificate; // a root is its own
            if (Problem(certificate, issuer) is { } reason)
            {
                return (depth, reason);
            }
        }

        return null;
    }

    private string? Problem(X509Certificate2 certificate, X509Certificate2 issuer)
    {
        // The newest of several lists of one issuer.
        var list = _lists.Where(l => l.Issuer.AsSpan().SequenceEqual(certificate.IssuerName.RawData)).MaxBy(l => l.Issued);
        if (list is null)
        {
            return "unable to get certificate CRL";
        }

        var now = DateTimeOffset.UtcNow;
        return list.Issued > now ? "CRL is not yet valid"
            : list.Expires < now ? "CRL has expired"
            : !list.IsSignedBy(issuer) ? "CRL signature failure"
            : list.Serials.Contains(new BigInteger(certificate.SerialNumberBytes.Span, isBigEndian: true)) ? "certificate revoked"
            : null;
    }

    /// <summary>One list.</summary>
    private sealed class RevocationList
    {
        private ReadOnlyMemory<byte> _signed;
        private byte[] _signature = [];
        private string _algorithm = "";

        public byte[] Issuer { get; private set; } = [];

        public DateTimeOffset Issued { get; private set; }

        public DateTimeOffset Expires { get; private set; } = DateTimeOffset.MaxValue;

        public HashSet<BigInteger> Serials { get; } = [];

        // CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue }
        public static RevocationList Parse(byte[] bytes)
        {
            var list = new RevocationList();
            var outer = new AsnReader(bytes, AsnEncodingRules.DER).ReadSequence();
            list._signed = outer.PeekEncodedValue();
            list.ParseContent(outer.ReadSequence());
            list._algorithm = outer.ReadSequence().ReadObjectIdentifier();
            list._signature = outer.ReadBitString(out _);
            return list;
        }

        public bool IsSignedBy(X509Certificate2 issuer)
        {
            if (EndPointBinding.OfSignature(_algorithm) is not { } hash)
            {
                return false;
            }

            using var rsa = issuer.GetRSAPublicKey();
            using var ecdsa = issuer.GetECDsaPublicKey();
            return rsa?.VerifyData(_signed.Span, _signature, hash, RSASignaturePadding.Pkcs1)
                ?? ecdsa?.VerifyData(_signed.Span, _signature, hash, DSASignatureFormat.Rfc3279DerSequence)
                ?? false;
        }

        // TBSCertList ::= SEQUENCE { version OPTIONAL, signature, issuer, thisUpdate, nextUpdate OPTIONAL, revokedCertificates OPTIONAL, [0] crlExtensions OPTIONAL }
        private void ParseContent(AsnReader content)
        {
            if (content.PeekTag().HasSameClassAndValue(Asn1Tag.Integer))
            {
                _ = content.ReadInteger();
            }

            _ = content.ReadSequence();
            Issuer = content.ReadEncodedValue().ToArray();
            Issued = Time(content);
            if (content.HasData && content.PeekTag() is { TagClass: TagClass.Universal, TagValue: (int)UniversalTagNumber.UtcTime or (int)UniversalTagNumber.GeneralizedTime })
            {
                Expires = Time(content);
            }

            if (content.HasData && content.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
            {
                var entries = content.ReadSequence();
                while (entries.HasData)
                {
                    Serials.Add(entries.ReadSequence().ReadInteger());
                }
            }

            if (content.HasData)
            {
                RefuseUnknown(content.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true)).ReadSequence());
            }
        }

        // What restricts the list to some certificates or to changes since another one is marked critical.
        private static void RefuseUnknown(AsnReader extensions)
        {
            while (extensions.HasData)
            {
                var extension = extensions.ReadSequence();
                string type = extension.ReadObjectIdentifier();
                if (extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean())
                {
                    throw new CryptographicException($"unhandled critical CRL extension {type}");
                }
            }
        }

        private static DateTimeOffset Time(AsnReader reader) =>
            reader.PeekTag().TagValue == (int)UniversalTagNumber.UtcTime ? reader.ReadUtcTime() : reader.ReadGeneralizedTime();
    }
}
