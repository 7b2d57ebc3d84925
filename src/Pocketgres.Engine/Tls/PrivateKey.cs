using System.Security.Cryptography;

namespace Pocketgres.Engine.Tls;

/// <summary>Private keys in PEM form (RFC 7468), RSA's and those of elliptic curves.</summary>
internal static class PrivateKey
{
    private const string Encrypted = "ENCRYPTED PRIVATE KEY", Plain = "PRIVATE KEY", Rsa = "RSA PRIVATE KEY", Curve = "EC PRIVATE KEY";

    /// <summary>Whether the key is encrypted.</summary>
    public static bool NeedsPassphrase(string text) => Find(text) == Encrypted;

    /// <summary>Reads the first key of a file.</summary>
    /// <exception cref="CryptographicException">It cannot be read.</exception>
    /// <exception cref="FormatException">There is none.</exception>
    public static AsymmetricAlgorithm Read(string text, string? passphrase)
    {
        switch (Find(text))
        {
            case Encrypted:
                return Import(RSA.Create(), key => key.ImportFromEncryptedPem(text, passphrase), out var reason)
                    ?? Import(ECDsa.Create(), key => key.ImportFromEncryptedPem(text, passphrase), out reason)
                    ?? throw new CryptographicException($"bad decrypt, or no key of RSA or an elliptic curve ({reason})");
            case Rsa or Curve or Plain:
                return Import(RSA.Create(), key => key.ImportFromPem(text), out reason)
                    ?? Import(ECDsa.Create(), key => key.ImportFromPem(text), out reason)
                    ?? throw new CryptographicException($"no key of RSA or an elliptic curve ({reason})");
            default:
                throw new FormatException(text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal)
                    ? "it is encrypted in an old form; convert it with openssl pkcs8 -topk8"
                    : "no private key in PEM form");
        }
    }

    // An EC key has its parameters before it, in a block of their own.
    private static string? Find(string text)
    {
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            string label = rest[fields.Label].ToString();
            if (label is Encrypted or Plain or Rsa or Curve)
            {
                return label;
            }

            rest = rest[fields.Location.End..];
        }

        return null;
    }

    private static AsymmetricAlgorithm? Import<T>(T key, Action<T> import, out string? reason)
        where T : AsymmetricAlgorithm
    {
        try
        {
            import(key);
            reason = null;
            return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            reason = TlsMessages.Of(e);
            return null;
        }
    }
}
