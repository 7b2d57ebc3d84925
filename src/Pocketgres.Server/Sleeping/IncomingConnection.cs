using System.Net.Sockets;
using System.Text;
using Pocketgres.Engine.Tls;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Server.Sleeping;

/// <summary>A client's connection that no server has yet. Whoever has it hands it over, refuses it, or disposes it.</summary>
/// <param name="socket">The connection; owned.</param>
/// <param name="request">Its first request, if that was read; a server then gets <see cref="StartupRequest.Packet"/> as the first that it reads.</param>
/// <param name="tls">The TLS in which the request came, or null; owned.</param>
internal sealed class IncomingConnection(Socket socket, StartupRequest? request = null, TlsArrival? tls = null) : IDisposable
{
    private static readonly TimeSpan s_refusalPatience = TimeSpan.FromSeconds(5);

    /// <summary>Its first request; null when it was not read.</summary>
    public StartupRequest? Request => request;

    /// <summary>The TLS in which the request came, or null.</summary>
    public TlsArrival? Tls => tls;

    /// <summary>The same connection, whose server gets another first request. This object is not to be used any more.</summary>
    public IncomingConnection With(StartupRequest other) => new(socket, other, tls);

    /// <summary>Hands it over to a running cluster.</summary>
    /// <returns>False when that takes nobody any more; the connection stays the caller's.</returns>
    public bool HandTo(ConnectionQueue queue)
    {
        if (!Share(queue, request is null ? null : tls?.Hand(request.Packet) ?? new Handover(request.Packet)))
        {
            return false;
        }

        socket.Dispose();
        return true;
    }

    /// <summary>Gives a running cluster the connection too, for a request that several may answer; it stays the caller's.</summary>
    /// <param name="queue">The cluster's.</param>
    /// <param name="receipt">Disposed when the cluster has closed it; stays the caller's if the result is false.</param>
    /// <returns>False when the cluster takes nobody any more.</returns>
    public bool ShareWith(ConnectionQueue queue, IDisposable? receipt) => Share(queue, new Handover(request!.Packet, receipt));

    /// <summary>Tells the client why it gets no session, as a server does, and closes the connection.</summary>
    /// <param name="sqlState">SQLSTATE.</param>
    /// <param name="message">What is wrong, in a line.</param>
    /// <param name="hint">What to do.</param>
    public async Task RefuseAsync(string sqlState, string message, string? hint = null)
    {
        using var patience = new CancellationTokenSource(s_refusalPatience);
        try
        {
            var stream = tls?.Stream ?? new NetworkStream(socket, ownsSocket: false);

            // Closing what has sent something unread would reset the connection, and the client lose the message.
            if (request is null && await StartupRequest.ReadAsync(stream, hasTls: false, patience.Token).ConfigureAwait(false) is not { Kind: RequestKind.Startup })
            {
                return;
            }

            await stream.WriteAsync(ErrorMessage(sqlState, message, hint), patience.Token).ConfigureAwait(false);
            await EndAsync(patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It is gone.
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Tells the client that nothing more comes.</summary>
    /// <exception cref="IOException">It is gone.</exception>
    /// <exception cref="SocketException">It is gone.</exception>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        if (tls is not null)
        {
            await tls.ShutdownAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        tls?.Dispose();
        socket.Dispose();
    }

    // What is handed over with the connection stays the caller's if the result is false.
    private bool Share(ConnectionQueue queue, Handover? handover)
    {
        int descriptor = HostDescriptor.Duplicate(socket.SafeHandle);
        if (descriptor >= 0)
        {
            if (queue.Hand(descriptor, handover))
            {
                return true;
            }

            HostDescriptor.Close(descriptor);
        }

        _ = handover?.TakeSession();
        return false;
    }

    // ErrorResponse of the protocol, version 3.
    private static byte[] ErrorMessage(string sqlState, string message, string? hint)
    {
        var text = new StringBuilder("SFATAL\0VFATAL\0").Append('C').Append(sqlState).Append("\0M").Append(message.Replace('\0', ' ')).Append('\0');
        if (hint is not null)
        {
            text.Append('H').Append(hint.Replace('\0', ' ')).Append('\0');
        }

        byte[] fields = Encoding.UTF8.GetBytes(text.Append('\0').ToString());
        var bytes = new byte[1 + sizeof(int) + fields.Length];
        bytes[0] = (byte)'E';
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), sizeof(int) + fields.Length);
        fields.CopyTo(bytes, 1 + sizeof(int));
        return bytes;
    }
}
