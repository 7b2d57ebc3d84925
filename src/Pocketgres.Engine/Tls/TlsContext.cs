using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// The server's certificate and key and what it asks of clients, as loaded at a start or a reload. Immutable, and freed by the garbage collector: processes that were
/// forked with it use it as long as they need, whatever the postmaster has loaded since.
/// </summary>
internal sealed class TlsContext
{
    private const string RsaKey = "1.2.840.113549.1.1.1";
    private const string NoCertificate = "no certificate in PEM form";

    private readonly X509Certificate2 _certificate;
    private readonly SslStreamCertificateContext _chain;
    private readonly X509Certificate2Collection? _authorities;
    private readonly RevocationLists? _revoked;
    private readonly SslProtocols _protocols;
    private readonly CipherSuitesPolicy? _ciphers;
    private readonly Lazy<byte[]?> _certificateHash;

    private TlsContext(X509Certificate2 certificate, X509Certificate2Collection others, X509Certificate2Collection? authorities, RevocationLists? revoked, SslProtocols protocols,
        CipherSuitesPolicy? ciphers)
    {
        _certificate = certificate;
        _authorities = authorities;
        _revoked = revoked;
        _protocols = protocols;
        _ciphers = ciphers;
        _certificateHash = new(() => EndPointBinding.Hash(certificate));
        // The names of the authorities are sent to clients, so that those with several certificates find the right one.
        var trust = authorities is null ? null : SslCertificateTrust.CreateForX509Collection(authorities, sendTrustInHandshake: true);
        _chain = SslStreamCertificateContext.Create(certificate, others, offline: true, trust);
    }

    /// <summary>The hash of the server's certificate for the channel binding tls-server-end-point; null when its signature's algorithm is not known.</summary>
    public ReadOnlySpan<byte> CertificateHash => _certificateHash.Value;

    /// <summary>Loads what the configuration names.</summary>
    /// <param name="configuration">Contents of files, and settings.</param>
    /// <param name="context">With <see cref="TlsLoaded.Loaded"/>, the result.</param>
    /// <param name="failure">Otherwise why not.</param>
    public static TlsLoaded TryLoad(TlsConfiguration configuration, out TlsContext? context, out TlsFailure? failure)
    {
        context = null;
        failure = null;
        var step = TlsLoaded.NoCertificate;
        try
        {
            var certificates = Certificates(configuration.Certificates);
            step = TlsLoaded.NoKey;
            if (PrivateKey.NeedsPassphrase(configuration.Key) && configuration.Passphrase is null)
            {
                return TlsLoaded.NoPassphrase;
            }

            using var key = PrivateKey.Read(configuration.Key, configuration.Passphrase);
            step = TlsLoaded.OtherKey;
            var certificate = WithKey(certificates[0], key);
            step = TlsLoaded.NoAuthorities;
            var authorities = configuration.Authorities is null ? null : Certificates(configuration.Authorities);
            step = TlsLoaded.NoRevoked;
            var revoked = configuration.Revoked is null ? null : RevocationLists.Read(configuration.Revoked);
            step = TlsLoaded.NoCiphers;
            var old = CipherNames.Tls12(configuration.Ciphers);
            step = TlsLoaded.NoCipherSuites;
            var suites = CipherNames.Tls13(configuration.CipherSuites);
            var policy = old is null && suites is null ? null : new CipherSuitesPolicy((suites ?? CipherNames.AllTls13).Concat(old ?? CipherNames.UsualTls12));
            step = TlsLoaded.NoCertificate;
            certificates.RemoveAt(0);
            context = new TlsContext(certificate, certificates, authorities, revoked, (configuration.OffersTls12 ? SslProtocols.Tls12 : 0) | (configuration.OffersTls13 ? SslProtocols.Tls13 : 0), policy);
            return TlsLoaded.Loaded;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or FormatException or PlatformNotSupportedException)
        {
            failure = new TlsFailure(step == TlsLoaded.OtherKey ? "key values mismatch" : TlsMessages.Of(e));
            return step;
        }
    }

    /// <summary>What a session of this server is authenticated with.</summary>
    /// <param name="validate">Judges the client's certificate.</param>
    public SslServerAuthenticationOptions Options(RemoteCertificateValidationCallback validate)
    {
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = _chain,
            EnabledSslProtocols = _protocols,
            ApplicationProtocols = [new SslApplicationProtocol("postgresql")],
            AllowRenegotiation = false,

            // With it .NET keeps OpenSSL's context for the next connection, a tenth of what a connection costs. A client's certificate is checked each time.
            AllowTlsResume = _authorities is null,
            CipherSuitesPolicy = _ciphers,
        };
        if (_authorities is not null)
        {
            options.ClientCertificateRequired = true; // asked for; whether there must be one is pg_hba.conf's to say
            options.RemoteCertificateValidationCallback = validate;
            options.CertificateChainPolicy = ClientPolicy();
        }

        return options;
    }

    /// <summary>Looks whether a certificate in a client's chain, which is good otherwise, is revoked.</summary>
    /// <returns>Why the chain is not to be trusted, with the certificate's depth; null when it is.</returns>
    public (int Depth, string Reason)? FindRevoked(X509Chain chain) => _revoked?.Find(chain);

    private X509ChainPolicy ClientPolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities!);
        policy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.2")); // a client's
        return policy;
    }

    private static X509Certificate2Collection Certificates(string text)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(text);
        return certificates.Count > 0 ? certificates : throw new FormatException(NoCertificate);
    }

    private static X509Certificate2 WithKey(X509Certificate2 certificate, AsymmetricAlgorithm key) => key switch
    {
        RSA rsa when certificate.GetKeyAlgorithm() == RsaKey => certificate.CopyWithPrivateKey(rsa),
        ECDsa ecdsa when certificate.GetKeyAlgorithm() != RsaKey => certificate.CopyWithPrivateKey(ecdsa),
        _ => throw new ArgumentException("key type mismatch"),
    };
}
