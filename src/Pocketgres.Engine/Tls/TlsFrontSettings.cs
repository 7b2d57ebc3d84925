using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// PostgreSQL's settings of TLS as the host reads them, where it does the handshakes itself. Names, values and rules for files are those of a server, as are the messages
/// (be_tls_init in eng/engine/tls.c, be-secure-common.c).
/// </summary>
internal static class TlsFrontSettings
{
    /// <summary>Setting names.</summary>
    public const string On = "ssl", Certificate = "ssl_cert_file", Key = "ssl_key_file", Authorities = "ssl_ca_file", Revoked = "ssl_crl_file", RevokedDirectory = "ssl_crl_dir",
        Ciphers = "ssl_ciphers", CipherSuites = "ssl_tls13_ciphers", Minimum = "ssl_min_protocol_version", Maximum = "ssl_max_protocol_version";

    private const int FileLimit = 16 * 1024 * 1024; // TLS_FILE_LIMIT of tls.c
    private const int Group = 0x38, GroupOther = 0x18, Others = 0x7; // S_IRWXG; S_IWGRP and S_IXGRP; S_IRWXO
    private const int Nobody = 65534; // root's files in HostFileSystem where this is another user
    private static readonly string[] s_versions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]; // enum ssl_protocol_versions
    private const int FirstOffered = 2;

    /// <summary>Whether the settings ask for TLS.</summary>
    /// <exception cref="ClusterException">The value is no boolean.</exception>
    public static bool AsksForTls(IReadOnlyDictionary<string, string> settings)
    {
        string value = settings.GetValueOrDefault(On, "off");
        return IsAny(value, "true", "yes", "on", "1") || (IsAny(value, "false", "no", "off", "0") ? false : throw Error($"ssl is \"{value}\": use on or off"));
    }

    /// <summary>Reads the files that the settings name.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="own">Certificate and key where they name neither, or null.</param>
    /// <exception cref="ClusterException">Something is missing or cannot be used.</exception>
    public static TlsContext Load(IReadOnlyDictionary<string, string> settings, (string Certificate, string Key)? own)
    {
        int minimum = Version(settings, Minimum, FirstOffered), maximum = Version(settings, Maximum, s_versions.Length - 1);
        if (minimum > maximum)
        {
            throw Error($"could not set SSL protocol version range: \"{Minimum}\" cannot be higher than \"{Maximum}\"");
        }

        if (Get(settings, RevokedDirectory) is not null)
        {
            throw Error($"\"{RevokedDirectory}\" is not supported by this build: put the lists into one file, and name it in \"{Revoked}\"");
        }

        string? certificate = Get(settings, Certificate), key = Get(settings, Key);
        bool isOwn = certificate is null && key is null && own is not null;
        if (!isOwn && (certificate is null || key is null))
        {
            throw Error($"TLS needs a certificate and its key: set {Certificate} and {Key}, or use --tls for a certificate that is made for development");
        }

        if (!isOwn)
        {
            CheckKeyFile(key!);
        }

        var configuration = new TlsConfiguration
        {
            Certificates = isOwn ? own!.Value.Certificate : Read(certificate!, "server certificate"),
            Key = isOwn ? own!.Value.Key : Read(key!, "private key"),
            Authorities = Get(settings, Authorities) is { } authorities ? Read(authorities, "root certificate") : null,
            Revoked = Get(settings, Revoked) is { } revoked ? Read(revoked, "SSL certificate revocation list") : null,
            Ciphers = Get(settings, Ciphers) ?? "",
            CipherSuites = Get(settings, CipherSuites) ?? "",
            OffersTls12 = minimum == FirstOffered,
            OffersTls13 = maximum > FirstOffered,
        };
        var result = TlsContext.TryLoad(configuration, out var context, out var failure);
        return result == TlsLoaded.Loaded ? context! : throw Error(Describe(result, settings, failure?.Message));
    }

    private static string Describe(TlsLoaded result, IReadOnlyDictionary<string, string> settings, string? why) => result switch
    {
        TlsLoaded.NoCertificate => $"could not load server certificate file \"{Get(settings, Certificate)}\": {why}",
        TlsLoaded.NoPassphrase => $"could not load private key file \"{Get(settings, Key)}\": it requires a passphrase: take it off the key (openssl pkcs8)",
        TlsLoaded.OtherKey => $"check of private key failed: {why}: \"{Get(settings, Key)}\" is not the key of the first certificate in \"{Get(settings, Certificate)}\"",
        TlsLoaded.NoAuthorities => $"could not load root certificate file \"{Get(settings, Authorities)}\": {why}",
        TlsLoaded.NoRevoked => $"could not load SSL certificate revocation list file \"{Get(settings, Revoked)}\": {why}",
        TlsLoaded.NoCiphers => $"could not set the TLSv1.2 cipher list: {why}",
        TlsLoaded.NoCipherSuites => $"could not set the TLSv1.3 cipher suites: {why}",
        _ => $"could not load private key file \"{Get(settings, Key)}\": {why}",
    };

    private static string? Get(IReadOnlyDictionary<string, string> settings, string name) => settings.TryGetValue(name, out string? value) && value.Length > 0 ? value : null;

    // As parse_bool: the beginning of a word is enough, but for "o".
    private static bool IsAny(string value, params ReadOnlySpan<string> words)
    {
        foreach (string word in words)
        {
            if (value.Length > 0 && word.StartsWith(value, StringComparison.OrdinalIgnoreCase) && !value.Equals("o", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static int Version(IReadOnlyDictionary<string, string> settings, string name, int otherwise)
    {
        if (Get(settings, name) is not { } text)
        {
            return otherwise;
        }

        int version = Array.FindIndex(s_versions, v => v.Equals(text, StringComparison.OrdinalIgnoreCase));
        return version >= FirstOffered ? version
            : throw Error(version < 0 ? $"{name} is \"{text}\": use TLSv1.2 or TLSv1.3" : $"\"{name}\" setting \"{s_versions[version]}\" not supported by this build: protocols before TLSv1.2 are not offered");
    }

    private static string Read(string path, string kind)
    {
        try
        {
            byte[] bytes = FileTree.ReadAll(new HostFileSystem("/"), Path.GetFullPath(path), FileLimit);
            return bytes.Length < FileLimit ? Encoding.UTF8.GetString(bytes) : throw Error($"could not load {kind} file \"{path}\": file too large");
        }
        catch (FileSystemException e)
        {
            throw Error($"could not load {kind} file \"{path}\": {e.Message[(e.Message.LastIndexOf(": ", StringComparison.Ordinal) + 2)..]}", e);
        }
    }

    // As check_ssl_key_file_permissions.
    private static void CheckKeyFile(string path)
    {
        if (new HostFileSystem("/").Stat(Path.GetFullPath(path), followLink: true, out var status) is not Errno.None and var error)
        {
            throw Error($"could not access private key file \"{path}\": {(error == Errno.ENOENT ? "No such file or directory" : error)}");
        }

        if (!status.IsRegular)
        {
            throw Error($"private key file \"{path}\" is not a regular file");
        }

        if (status.UserId is not (0 or Nobody))
        {
            throw Error($"private key file \"{path}\" must be owned by the user that runs this, or root");
        }

        if ((status.Mode & (Others | (status.UserId == 0 ? Group : GroupOther))) != 0)
        {
            throw Error($"private key file \"{path}\" has group or world access: it must have permissions u=rw (0600) or less if it is this user's, or u=rw,g=r (0640) or less if it is root's");
        }
    }

    private static ClusterException Error(string message, Exception? inner = null) => new(ClusterError.StartFailed, message, inner);
}
