using System.Formats.Asn1;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Pocketgres.Engine.Tls;

/// <summary>Names in certificates in the forms that PostgreSQL shows them in, which are OpenSSL's.</summary>
internal static class CertificateNames
{
    private const string CommonNameId = "2.5.4.3";

    /// <summary>The first common name; null when there is none.</summary>
    public static string? CommonName(X500DistinguishedName name) =>
        Parts(name).SelectMany(set => set).Where(part => part.Type == CommonNameId).Select(part => part.Value).FirstOrDefault();

    /// <summary>As in RFC 2253, with non-ASCII characters escaped: <c>CN=ann,O=shop</c>, the last part first.</summary>
    public static string Rfc2253(X500DistinguishedName name) => string.Join(',',
        Enumerable.Reverse(Parts(name)).Select(set => string.Join('+', Enumerable.Reverse(set).Select(part => ShortName(part.Type) + "=" + Escape(part.Value, escapeNonAscii: true)))));

    /// <summary>With slashes: <c>/O=shop/CN=ann</c>.</summary>
    public static string Slashed(X500DistinguishedName name) =>
        string.Concat(Parts(name).SelectMany(set => set).Select(part => $"/{ShortName(part.Type)}={Escape(part.Value, escapeNonAscii: false)}"));

    /// <summary>The serial number, decimal.</summary>
    public static string Serial(X509Certificate2 certificate) =>
        new BigInteger(certificate.SerialNumberBytes.Span, isBigEndian: true).ToString(CultureInfo.InvariantCulture);

    // Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value ANY }
    private static List<List<(string Type, string Value)>> Parts(X500DistinguishedName name)
    {
        var sets = new List<List<(string Type, string Value)>>();
        var reader = new AsnReader(name.RawData, AsnEncodingRules.DER).ReadSequence();
        while (reader.HasData)
        {
            var set = new List<(string Type, string Value)>();
            var parts = reader.ReadSetOf(skipSortOrderValidation: true);
            while (parts.HasData)
            {
                var part = parts.ReadSequence();
                set.Add((part.ReadObjectIdentifier(), Value(part)));
            }

            sets.Add(set);
        }

        return sets;
    }

    private static string Value(AsnReader part)
    {
        var tag = part.PeekTag();
        return tag.TagClass == TagClass.Universal && (UniversalTagNumber)tag.TagValue is var type
            && type is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String or UniversalTagNumber.NumericString
                or UniversalTagNumber.VisibleString or UniversalTagNumber.BMPString or UniversalTagNumber.T61String
            ? part.ReadCharacterString(type)
            : "#" + Convert.ToHexString(part.ReadEncodedValue().Span);
    }

    private static string Escape(string value, bool escapeNonAscii)
    {
        var text = new StringBuilder();
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        int plain = 0; // the first byte that is not in the text yet
        for (int i = 0; i < bytes.Length; i++)
        {
            byte b = bytes[i];
            bool special = b is (byte)',' or (byte)'+' or (byte)'"' or (byte)'\\' or (byte)'<' or (byte)'>' or (byte)';'
                || (i == 0 && b is (byte)'#' or (byte)' ') || (i == bytes.Length - 1 && b == ' ');
            bool coded = b is < 32 or 127 || (b > 127 && escapeNonAscii);
            if (special || coded)
            {
                text.Append(Encoding.UTF8.GetString(bytes, plain, i - plain)).Append('\\');
                _ = coded ? text.Append(b.ToString("X2", CultureInfo.InvariantCulture)) : text.Append((char)b);
                plain = i + 1;
            }
        }

        return text.Append(Encoding.UTF8.GetString(bytes, plain, bytes.Length - plain)).ToString();
    }

    private static string ShortName(string type) => type switch
    {
        CommonNameId => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.17" => "postalCode",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationQualifier",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.97" => "organizationIdentifier",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => type,
    };
}
