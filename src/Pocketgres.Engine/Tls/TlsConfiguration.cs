namespace Pocketgres.Engine.Tls;

/// <summary>What a server is to load for TLS: contents of files in PEM form, and settings.</summary>
internal sealed record TlsConfiguration
{
    /// <summary>The server's certificate, and those between it and a root.</summary>
    public required string Certificates { get; init; }

    /// <summary>Its private key.</summary>
    public required string Key { get; init; }

    /// <summary>What the key is encrypted with, or null.</summary>
    public string? Passphrase { get; init; }

    /// <summary>Who signs clients' certificates; null: clients are not asked for one.</summary>
    public string? Authorities { get; init; }

    /// <summary>What these have revoked, or null.</summary>
    public string? Revoked { get; init; }

    /// <summary><c>ssl_ciphers</c>.</summary>
    public string Ciphers { get; init; } = "";

    /// <summary><c>ssl_tls13_ciphers</c>.</summary>
    public string CipherSuites { get; init; } = "";

    /// <summary>TLS 1.2 is offered.</summary>
    public bool OffersTls12 { get; init; } = true;

    /// <summary>TLS 1.3 is offered.</summary>
    public bool OffersTls13 { get; init; } = true;
}

/// <summary>How loading went; TlsLoaded of eng/engine/tls.c.</summary>
internal enum TlsLoaded
{
    /// <summary>Well.</summary>
    Loaded,

    /// <summary>The server's certificates are not usable.</summary>
    NoCertificate,

    /// <summary>The private key is not.</summary>
    NoKey,

    /// <summary>The private key is encrypted.</summary>
    NoPassphrase,

    /// <summary>It is not the certificate's.</summary>
    OtherKey,

    /// <summary>The authorities are not usable.</summary>
    NoAuthorities,

    /// <summary>The lists of revoked certificates are not.</summary>
    NoRevoked,

    /// <summary>The setting names no cipher that there is.</summary>
    NoCiphers,

    /// <summary>As <see cref="NoCiphers"/>, of TLS 1.3.</summary>
    NoCipherSuites,
}
