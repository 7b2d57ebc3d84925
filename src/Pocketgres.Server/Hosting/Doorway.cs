using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine.Tls;
using Pocketgres.Server.Sleeping;

namespace Pocketgres.Server.Hosting;

/// <summary>
/// Where connections of a host are until it is known which cluster they are for: TLS is agreed on, and the startup packet read, as a server would. Thread-safe.
/// </summary>
/// <param name="tls">TLS, or null for none.</param>
/// <param name="patience">How long a client may take for all of it (<c>authentication_timeout</c>).</param>
/// <param name="logger">Told of handshakes that fail.</param>
/// <param name="left">Told of each connection that is closed here.</param>
internal sealed class Doorway(TlsFront? tls, TimeSpan patience, ILogger? logger, Action? left)
{
    private static readonly byte[] s_yes = [(byte)'S'];

    private readonly WaitingRoom _room = new();

    /// <summary>Takes a client in.</summary>
    /// <param name="socket">The connection; owned.</param>
    /// <param name="cancellationToken">Closes it.</param>
    /// <returns>The connection with its startup packet or its request to cancel; null when it is closed.</returns>
    public async Task<IncomingConnection?> ReceiveAsync(Socket socket, CancellationToken cancellationToken)
    {
        TlsArrival? arrival = null;
        try
        {
            using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            time.CancelAfter(patience);
            using var place = _room.Enter(socket.RemoteEndPoint, time.Cancel);
            var stream = new NetworkStream(socket, ownsSocket: false);
            var request = await StartupRequest.ReadAsync(stream, tls is not null && socket.AddressFamily != AddressFamily.Unix, time.Token).ConfigureAwait(false);
            if (request is { Kind: RequestKind.Tls or RequestKind.DirectTls })
            {
                arrival = await AcceptAsync(socket, stream, request, time.Token).ConfigureAwait(false);
                request = arrival is null ? null : await StartupRequest.ReadAsync(arrival.Stream, hasTls: false, time.Token).ConfigureAwait(false);
            }

            if (request is not null)
            {
                return new IncomingConnection(socket, request, arrival);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It is gone, or said nothing for too long.
        }

        arrival?.Dispose();
        socket.Dispose();
        left?.Invoke();
        return null;
    }

    // Whoever begins with TLS must name the protocol, so that no request of another one is taken for ours (CVE-2021-3618).
    private async Task<TlsArrival?> AcceptAsync(Socket socket, NetworkStream stream, StartupRequest request, CancellationToken cancellationToken)
    {
        bool isRequested = request.Kind == RequestKind.Tls;
        if (isRequested)
        {
            await stream.WriteAsync(s_yes, cancellationToken).ConfigureAwait(false);
        }

        var (arrival, failure) = await TlsArrival.AcceptAsync(tls!.Context, stream, isRequested ? default : request.Packet, isRequested, cancellationToken).ConfigureAwait(false);
        if (arrival is { IsRequested: false, HasProtocol: false })
        {
            failure = "received direct SSL connection request without ALPN protocol negotiation extension";
            arrival.Dispose();
            arrival = null;
        }

        if (failure is not null)
        {
            Report(logger, $"could not accept SSL connection from {socket.RemoteEndPoint}: {failure}");
        }

        return arrival;
    }

#pragma warning disable CA1848, CA2254 // what it costs is nothing beside a handshake
    private static void Report(ILogger? logger, string message) => logger?.LogInformation(message);
#pragma warning restore CA1848, CA2254
}
