using System.Security.Cryptography.X509Certificates;
using System.Text;
using Pocketgres.Engine.Connections;
using Pocketgres.Engine.Tls;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// TLS of clients' connections as eng/engine/tls.c wants it, which stands where PostgreSQL expects OpenSSL. No call waits. The assemblies of TLS are loaded with the first
/// one, that is only where ssl is on.
/// </summary>
public static unsafe class TransportSecurity
{
    // enum ssl_protocol_versions of libpq/libpq.h; 0 for any
    private const int Tls12 = 3, Tls13 = 4;

    /// <summary>TlsText of tls.c.</summary>
    private enum Texts
    {
        Message,
        Detail,
        Version,
        Cipher,
        Protocol,
        PeerName,
        PeerDistinguishedName,
        PeerSubject,
        PeerIssuer,
        PeerSerial,
    }

    /// <summary>Loads certificates and settings: the postmaster, at its start and at each reload. What was loaded before stays when that fails.</summary>
    [HostFunction("pocket_tls_load", Locking = KernelLocking.None)]
    public static int Load(byte* m, int configuration)
    {
        var guest = new GuestTlsConfiguration(m, (uint)configuration);
        var state = State(m);
        var result = TlsContext.TryLoad(
            new TlsConfiguration
            {
                Certificates = Text(m, guest.Certificates) ?? "",
                Key = Text(m, guest.Key) ?? "",
                Passphrase = Text(m, guest.Passphrase),
                Authorities = Text(m, guest.Authorities),
                Revoked = Text(m, guest.Revoked),
                Ciphers = Text(m, guest.Ciphers) ?? "",
                CipherSuites = Text(m, guest.CipherSuites) ?? "",
                OffersTls12 = guest.MinVersion <= Tls12,
                OffersTls13 = guest.MaxVersion is 0 or Tls13,
            },
            out var context, out var failure);
        state.Failure = failure;
        if (context is not null)
        {
            state.Context = context;
        }

        return (int)result;
    }

    /// <summary>Forgets what was loaded: a reload found ssl off.</summary>
    [HostFunction("pocket_tls_unload", Locking = KernelLocking.None)]
    public static void Unload(byte* m) => State(m).Context = null;

    /// <summary>Begins with a connection, or goes on with one whose handshake the host has done. 0 when nothing is loaded.</summary>
    [HostFunction("pocket_tls_begin", Locking = KernelLocking.None)]
    public static int Begin(byte* m, int descriptor, int received, int length)
    {
        var state = State(m);
        if (state.Context is not { } context || !Process.From(m).Files.TryGet(descriptor, out var file) || file is not SocketFile socket)
        {
            return 0;
        }

        if (socket.Handover?.TakeSession() is TlsArrival arrival)
        {
            // What was received then is a byte that only says so.
            state.Session = arrival.Enter(socket);
            state.IsRequested = arrival.IsRequested;
            return 1;
        }

        state.Session = new TlsSession(context, socket, new ReadOnlySpan<byte>(m + (uint)received, length).ToArray());
        state.IsRequested = StartupPackets.HasGrantedTls(socket.AcceptState);
        return 1;
    }

    /// <summary>Goes on with the handshake: 0 when it is done.</summary>
    [HostFunction("pocket_tls_handshake", Locking = KernelLocking.None)]
    public static int Handshake(byte* m, int error)
    {
        var session = State(m).Session;
        int result = End(m, session?.Handshake(), error);
        if (result == 0 && session!.Socket is { } socket)
        {
            (Process.From(m).Kernel.Options.AcceptFilter as StartupPackets)?.HandshakeDone(socket);
        }

        return result;
    }

    /// <summary>Whether the client has asked for TLS by an SSLRequest that was answered before the process got the connection.</summary>
    [HostFunction("pocket_tls_requested", Locking = KernelLocking.None)]
    public static int Requested(byte* m) => State(m).IsRequested ? 1 : 0;

    /// <summary>Reads what the client has sent: bytes, 0 at the end.</summary>
    [HostFunction("pocket_tls_read", Locking = KernelLocking.None)]
    public static int Read(byte* m, int buffer, int size, int error) => End(m, State(m).Session?.Read(m + (uint)buffer, size), error);

    /// <summary>Sends data, some of it: bytes.</summary>
    [HostFunction("pocket_tls_write", Locking = KernelLocking.None)]
    public static int Write(byte* m, int data, int size, int error) => End(m, State(m).Session?.Write(m + (uint)data, size), error);

    /// <summary>Ends the session; the socket stays open.</summary>
    [HostFunction("pocket_tls_close", Locking = KernelLocking.None)]
    public static void Close(byte* m)
    {
        var state = State(m);
        state.Session?.Close();
        state.Session = null;
    }

    /// <summary>A text about the session, or about the last failure: its length in UTF-8, -1 when there is none.</summary>
    [HostFunction("pocket_tls_text", Locking = KernelLocking.None)]
    public static int GetText(byte* m, int which, int buffer, int size)
    {
        if (Find(State(m), (Texts)which) is not { } text)
        {
            return -1;
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (size > 0)
        {
            int room = Math.Min(size - 1, bytes.Length);
            bytes.AsSpan(0, room).CopyTo(new Span<byte>(m + (uint)buffer, room));
            m[(uint)buffer + room] = 0;
        }

        return bytes.Length;
    }

    /// <summary>Bits of the cipher's key.</summary>
    [HostFunction("pocket_tls_cipher_bits", Locking = KernelLocking.None)]
    public static int CipherBits(byte* m) => State(m).Session is { } session ? CipherNames.Bits(session.Cipher) : 0;

    /// <summary>The hash of the server's certificate for channel binding: its length, -1 when the certificate has none.</summary>
    [HostFunction("pocket_tls_certificate_hash", Locking = KernelLocking.None)]
    public static int CertificateHash(byte* m, int buffer, int size)
    {
        var hash = State(m).Session is { } session ? session.CertificateHash : default;
        if (hash.IsEmpty || hash.Length > size)
        {
            return -1;
        }

        hash.CopyTo(new Span<byte>(m + (uint)buffer, size));
        return hash.Length;
    }

    private static string? Find(TlsState state, Texts which) => which switch
    {
        Texts.Message => state.Failure?.Message,
        Texts.Detail => state.Failure?.Detail,
        Texts.Version => state.Session?.Version,
        Texts.Cipher => state.Session is { } session ? CipherNames.OpenSsl(session.Cipher) : null,
        Texts.Protocol => state.Session?.Protocol,
        _ => state.Session?.Peer is { } peer ? Find(peer, which) : null,
    };

    private static string? Find(X509Certificate2 peer, Texts which) => which switch
    {
        Texts.PeerName => CertificateNames.CommonName(peer.SubjectName),
        Texts.PeerDistinguishedName => CertificateNames.Rfc2253(peer.SubjectName),
        Texts.PeerSubject => CertificateNames.Slashed(peer.SubjectName),
        Texts.PeerIssuer => CertificateNames.Slashed(peer.IssuerName),
        Texts.PeerSerial => CertificateNames.Serial(peer),
        _ => null,
    };

    // A process of a clone has no session although PostgreSQL there thinks so: its client is not there either.
    private static int End(byte* m, int? result, int error)
    {
        if (result is not { } value)
        {
            return (int)TlsResult.End;
        }

        var state = State(m);
        if (value < 0)
        {
            state.Failure = state.Session!.Failure;
            *(int*)(m + (uint)error) = (int)state.Session.SocketError;
        }

        return value;
    }

    private static TlsState State(byte* m) => PostgresProcess.Of(Process.From(m)).Tls;

    private static string? Text(byte* m, uint address) => address == 0 ? null : CString.Read(m, (int)address);
}
