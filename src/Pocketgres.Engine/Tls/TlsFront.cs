using System.Text;
using Pocketgres.Installation;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// TLS of a port that several clusters are behind, whose host does the handshakes (<see cref="TlsArrival"/>). The clusters know that there is TLS (<see cref="AddTo"/>), but
/// no key. Thread-safe.
/// </summary>
internal sealed class TlsFront
{
    private const string Directory = EngineArtifacts.MountPoint + "/tls", CertificateFile = "/server.crt", KeyFile = "/server.key", AuthoritiesFile = "/root.crt";
    private const int OwnerOnly = 0x180; // 0600

    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly (string Certificate, string Key)? _own;
    private readonly (string Certificate, string Key) _placeholder = SelfSignedCertificate.Make();
    private TlsContext _context;

    private TlsFront(IReadOnlyDictionary<string, string> settings, (string Certificate, string Key)? own)
    {
        _settings = settings;
        _own = own;
        _context = TlsFrontSettings.Load(settings, own);
    }

    /// <summary>What connections are authenticated with from now on.</summary>
    public TlsContext Context => Volatile.Read(ref _context);

    /// <summary>Loads what the settings name.</summary>
    /// <param name="settings">PostgreSQL's settings; file names that are not absolute are of the current directory.</param>
    /// <param name="isSelfSigned">Whether to have TLS in any case, with a certificate made now if the settings name none.</param>
    /// <param name="domain">What that is also for, with the names directly below it; null for none.</param>
    /// <returns>Null when the settings ask for no TLS.</returns>
    /// <exception cref="ClusterException">Something is missing or cannot be used.</exception>
    public static TlsFront? Load(IReadOnlyDictionary<string, string> settings, bool isSelfSigned, string? domain) =>
        !isSelfSigned && !TlsFrontSettings.AsksForTls(settings) ? null : new TlsFront(settings, isSelfSigned ? SelfSignedCertificate.Make(domain) : null);

    /// <summary>Loads the files again, for connections that come from now on.</summary>
    /// <exception cref="ClusterException">Something cannot be used; what was loaded before stays.</exception>
    public void Reload() => Volatile.Write(ref _context, TlsFrontSettings.Load(_settings, _own));

    /// <summary>
    /// The settings of a cluster behind it: PostgreSQL has TLS, so that lines with hostssl count, and files that it loads at its start. Nobody is authenticated with them:
    /// they are there in memory whatever becomes of the host's, and are no secret to a superuser of the cluster. What its configuration files say of TLS has no effect.
    /// </summary>
    /// <param name="settings">The settings.</param>
    /// <param name="files">The cluster's files, which get those.</param>
    public IReadOnlyDictionary<string, string> AddTo(IReadOnlyDictionary<string, string> settings, MountTable files)
    {
        var memory = new MemoryFileSystem();
        files.Mount(Directory, memory);
        Write(CertificateFile, _placeholder.Certificate);
        Write(KeyFile, _placeholder.Key);
        bool hasAuthorities = settings.GetValueOrDefault(TlsFrontSettings.Authorities) is { Length: > 0 };
        if (hasAuthorities)
        {
            Write(AuthoritiesFile, _placeholder.Certificate);
        }

        return new Dictionary<string, string>(settings, StringComparer.OrdinalIgnoreCase)
        {
            [TlsFrontSettings.On] = "on",
            [TlsFrontSettings.Certificate] = Directory + CertificateFile,
            [TlsFrontSettings.Key] = Directory + KeyFile,
            [TlsFrontSettings.Authorities] = hasAuthorities ? Directory + AuthoritiesFile : "",
            [TlsFrontSettings.Revoked] = "",
            [TlsFrontSettings.RevokedDirectory] = "",
            [TlsFrontSettings.Ciphers] = settings.GetValueOrDefault(TlsFrontSettings.Ciphers, ""),
            [TlsFrontSettings.CipherSuites] = settings.GetValueOrDefault(TlsFrontSettings.CipherSuites, ""),
            [TlsFrontSettings.Minimum] = settings.GetValueOrDefault(TlsFrontSettings.Minimum, "TLSv1.2"),
            [TlsFrontSettings.Maximum] = settings.GetValueOrDefault(TlsFrontSettings.Maximum, ""),
        };

        void Write(string name, string text) => FileTree.WriteAll(memory, name, Encoding.ASCII.GetBytes(text), OwnerOnly, sync: false);
    }
}
