using System.Net.Security;

namespace Pocketgres.Engine.Tls;

/// <summary>Names of cipher suites: .NET has those of IANA, PostgreSQL's settings and views those of OpenSSL.</summary>
internal static class CipherNames
{
    private const string Tls13Prefix = "TLS_AES_", Tls13Chacha = "TLS_CHACHA20_";

    // What ssl_ciphers is when nobody has set it, here and natively, and OpenSSL's word for its own choice.
    private static readonly string[] s_defaults = ["", "none", "DEFAULT", "HIGH:MEDIUM:+3DES:!aNULL"];

    /// <summary>The suites of TLS 1.3 that OpenSSL has by default.</summary>
    public static IReadOnlyList<TlsCipherSuite> AllTls13 { get; } =
        [TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, TlsCipherSuite.TLS_AES_128_GCM_SHA256];

    /// <summary>The suites of TLS 1.2 with forward secrecy and authenticated encryption.</summary>
    public static IReadOnlyList<TlsCipherSuite> UsualTls12 { get; } =
    [
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ];

    /// <summary>OpenSSL's name: <c>ECDHE-RSA-AES256-GCM-SHA384</c>; those of TLS 1.3 are IANA's.</summary>
    public static string OpenSsl(TlsCipherSuite suite)
    {
        string name = suite.ToString();
        if (IsTls13(name) || !name.StartsWith("TLS_", StringComparison.Ordinal))
        {
            return name;
        }

        name = name["TLS_".Length..].Replace("RSA_WITH_", name.StartsWith("TLS_RSA_WITH_", StringComparison.Ordinal) ? "" : "RSA_", StringComparison.Ordinal)
            .Replace("_WITH_", "_", StringComparison.Ordinal)
            .Replace("AES_128", "AES128", StringComparison.Ordinal).Replace("AES_256", "AES256", StringComparison.Ordinal)
            .Replace("CAMELLIA_128", "CAMELLIA128", StringComparison.Ordinal).Replace("CAMELLIA_256", "CAMELLIA256", StringComparison.Ordinal)
            .Replace("ARIA_128", "ARIA128", StringComparison.Ordinal).Replace("ARIA_256", "ARIA256", StringComparison.Ordinal)
            .Replace("_CBC", "", StringComparison.Ordinal).Replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305", StringComparison.Ordinal);
        return name.Replace('_', '-');
    }

    /// <summary>Bits of the key of its cipher.</summary>
    public static int Bits(TlsCipherSuite suite)
    {
        string name = suite.ToString();
        return name.Contains("256_", StringComparison.Ordinal) || name.Contains("CHACHA20", StringComparison.Ordinal) ? 256 : 128;
    }

    /// <summary>The suites that <c>ssl_ciphers</c> names, separated as OpenSSL allows; null for the defaults.</summary>
    /// <exception cref="FormatException">A word is no name of a suite.</exception>
    public static IReadOnlyList<TlsCipherSuite>? Tls12(string setting) =>
        s_defaults.Contains(setting.Trim()) ? null : Find(setting, name => !IsTls13(name));

    /// <summary>The suites that <c>ssl_tls13_ciphers</c> names; null for the defaults.</summary>
    /// <exception cref="FormatException">A word is no name of a suite.</exception>
    public static IReadOnlyList<TlsCipherSuite>? Tls13(string setting) => setting.Trim().Length == 0 ? null : Find(setting, IsTls13);

    private static bool IsTls13(string name) => name.StartsWith(Tls13Prefix, StringComparison.Ordinal) || name.StartsWith(Tls13Chacha, StringComparison.Ordinal);

    private static List<TlsCipherSuite> Find(string setting, Func<string, bool> fits)
    {
        var known = new Dictionary<string, TlsCipherSuite>(StringComparer.OrdinalIgnoreCase);
        foreach (var suite in Enum.GetValues<TlsCipherSuite>().Where(s => fits(s.ToString())))
        {
            known.TryAdd(OpenSsl(suite), suite);
            known.TryAdd(suite.ToString(), suite);
        }

        return [.. setting.Split([':', ',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(word =>
            known.TryGetValue(word, out var suite) ? suite : throw new FormatException($"\"{word}\" is no name of a cipher suite (words for groups of them are not understood)"))];
    }
}
