using System.Net.Security;
using Pocketgres.Engine.Connections;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// A connection over TLS that the host receives itself, because what is inside says which cluster it is for. It does the handshake and reads the startup packet; then the
/// cluster gets the socket (<see cref="Hand"/>), and the process that serves it goes on with the same session (<see cref="Enter"/>). Whoever has it uses it alone.
/// </summary>
internal sealed class TlsArrival : IDisposable
{
    // The first byte of TLS, by which PostgreSQL sees that the client begins with it; it asks for nothing more before it calls be_tls_open_server.
    private static readonly byte[] s_tlsHandshake = [FirstMessages.TlsHandshake];

    private readonly TlsContext _context;
    private readonly PeerCheck _check;
    private readonly RelayStream _relay;
    private readonly SslStream _stream;
    private byte[] _packet = [];

    private TlsArrival(TlsContext context, Stream socket, ReadOnlyMemory<byte> received)
    {
        _context = context;
        _check = new PeerCheck(context);
        _relay = new RelayStream(socket, received);
        _stream = new SslStream(_relay, leaveInnerStreamOpen: true);
    }

    /// <summary>The client has asked for TLS by an SSLRequest: it need not name the protocol.</summary>
    public bool IsRequested { get; private init; }

    /// <summary>What the client sends and is sent, in the clear.</summary>
    public Stream Stream => _stream;

    /// <summary>The host's name that the client has asked for (server name indication); empty when it named none.</summary>
    public string HostName => _stream.TargetHostName;

    /// <summary>The protocol was agreed on (ALPN).</summary>
    public bool HasProtocol => _stream.NegotiatedApplicationProtocol.Protocol.Length > 0;

    /// <summary>Does the handshake.</summary>
    /// <param name="context">What to authenticate with.</param>
    /// <param name="socket">The connection, which stays the caller's.</param>
    /// <param name="received">What was read from it already.</param>
    /// <param name="isRequested"><see cref="IsRequested"/>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The connection, or why there is none.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<(TlsArrival? Arrival, string? Failure)> AcceptAsync(
        TlsContext context, Stream socket, ReadOnlyMemory<byte> received, bool isRequested, CancellationToken cancellationToken)
    {
        var arrival = new TlsArrival(context, socket, received) { IsRequested = isRequested };
        try
        {
#pragma warning disable CA5359 // it is judged, and the server process told (TlsSession.Handshake)
            await arrival._stream.AuthenticateAsServerAsync(context.Options(arrival._check.Validate), cancellationToken).ConfigureAwait(false);
#pragma warning restore CA5359
            return (arrival, null);
        }
        catch (OperationCanceledException)
        {
            arrival.Dispose();
            throw;
        }
#pragma warning disable CA1031 // whatever a client sends, it is its own connection that ends
        catch (Exception e)
#pragma warning restore CA1031
        {
            arrival.Dispose();
            return (null, TlsMessages.Of(e));
        }
    }

    /// <summary>What a kernel gets with the socket.</summary>
    /// <param name="packet">What the server process reads as the first inside of TLS.</param>
    public Handover Hand(byte[] packet)
    {
        _packet = packet;
        return new Handover(s_tlsHandshake, this);
    }

    /// <summary>A process goes on with the session, which is its own from now on.</summary>
    public TlsSession Enter(SocketFile socket)
    {
        var records = new RecordStream(socket, []);
        _relay.Target = records;
        return new TlsSession(_context, _check, _stream, records, _packet);
    }

    /// <summary>Says goodbye to the client.</summary>
    public Task ShutdownAsync() => _stream.ShutdownAsync();

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();
}
