using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Pocketgres.ObjectStore.S3;

/// <summary>AWS Signature Version 4 of a request, in its Authorization header.</summary>
internal static class SignatureV4
{
    private const string Digits = "0123456789abcdef";

    /// <summary>The value of Authorization.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Path as it is sent, encoded.</param>
    /// <param name="query">Query as it is sent, encoded, parameters in order, without the question mark.</param>
    /// <param name="headers">What is signed: names in lower case and in order, values trimmed; x-amz-date among them.</param>
    /// <param name="payloadHash">Hexadecimal SHA-256 of the body, or what stands for it.</param>
    /// <param name="credentials">Whose.</param>
    /// <param name="region">Region.</param>
    /// <param name="time">As x-amz-date says.</param>
    public static string Authorize(
        string method, string path, string query, IReadOnlyList<(string Name, string Value)> headers, string payloadHash, S3Credentials credentials,
        string region, DateTimeOffset time)
    {
        string date = time.UtcDateTime.ToString("yyyyMMdd", CultureInfo.InvariantCulture), scope = $"{date}/{region}/s3/aws4_request";
        var canonical = new StringBuilder().Append(method).Append('\n').Append(path).Append('\n').Append(query).Append('\n');
        var names = new StringBuilder();
        for (int i = 0; i < headers.Count; i++)
        {
            canonical.Append(headers[i].Name).Append(':').Append(headers[i].Value).Append('\n');
            names.Append(i > 0 ? ";" : "").Append(headers[i].Name);
        }

        canonical.Append('\n').Append(names).Append('\n').Append(payloadHash);
        string toSign = $"AWS4-HMAC-SHA256\n{Stamp(time)}\n{scope}\n{Hash(Encoding.UTF8.GetBytes(canonical.ToString()))}";
        byte[] key = HMACSHA256.HashData(Encoding.UTF8.GetBytes("AWS4" + credentials.SecretKey), Encoding.UTF8.GetBytes(date));
        key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(region));
        key = HMACSHA256.HashData(key, "s3"u8);
        key = HMACSHA256.HashData(key, "aws4_request"u8);
        string signature = Hex(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(toSign)));
        return $"AWS4-HMAC-SHA256 Credential={credentials.AccessKey}/{scope}, SignedHeaders={names}, Signature={signature}";
    }

    /// <summary>The value of x-amz-date.</summary>
    public static string Stamp(DateTimeOffset time) => time.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Hexadecimal SHA-256.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return Hex(hash);
    }

    /// <summary>RFC 3986, as S3 signs it: everything but letters, digits and -._~ is encoded, and slashes if asked.</summary>
    /// <remarks>As <see cref="Uri.EscapeDataString(string)"/>, whose vector code, like that of <see cref="Convert"/>, is compiled at its first use: some 10 ms of a wake each.</remarks>
    public static string Encode(string text, bool keepSlashes)
    {
        if (text.All(IsPlain))
        {
            return text;
        }

        var encoded = new StringBuilder();
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            _ = IsPlain((char)b) ? encoded.Append((char)b) : encoded.Append('%').Append(char.ToUpperInvariant(Digits[b >> 4])).Append(char.ToUpperInvariant(Digits[b & 15]));
        }

        return encoded.ToString();

        bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '~' || (c == '/' && keepSlashes);
    }

    private static string Hex(ReadOnlySpan<byte> bytes)
    {
        Span<char> digits = stackalloc char[2 * bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            (digits[2 * i], digits[(2 * i) + 1]) = (Digits[bytes[i] >> 4], Digits[bytes[i] & 15]);
        }

        return digits.ToString();
    }
}
