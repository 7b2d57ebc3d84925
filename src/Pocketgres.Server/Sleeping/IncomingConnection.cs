using System.Net.Sockets;
using System.Text;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Server.Sleeping;

/// <summary>A client's connection that no server has yet. Whoever has it hands it over, refuses it, or disposes it.</summary>
/// <param name="socket">The connection; owned.</param>
/// <param name="request">Its first request, if that was read; a server then gets <see cref="StartupRequest.Packet"/> as the first that it reads.</param>
internal sealed class IncomingConnection(Socket socket, StartupRequest? request = null) : IDisposable
{
    private static readonly TimeSpan s_refusalPatience = TimeSpan.FromSeconds(5);

    /// <summary>Its first request; null when it was not read.</summary>
    public StartupRequest? Request => request;

    /// <summary>Hands it over to a running cluster.</summary>
    /// <returns>False when that takes nobody any more; the connection stays the caller's.</returns>
    public bool HandTo(ConnectionQueue queue)
    {
        if (!ShareWith(queue))
        {
            return false;
        }

        socket.Dispose();
        return true;
    }

    /// <summary>Gives a running cluster the connection too, for a request that several may answer; it stays the caller's.</summary>
    /// <returns>False when the cluster takes nobody any more.</returns>
    public bool ShareWith(ConnectionQueue queue)
    {
        int descriptor = HostDescriptor.Duplicate(socket.SafeHandle);
        if (descriptor < 0)
        {
            return false;
        }

        if (!queue.Hand(descriptor, request?.Packet))
        {
            HostDescriptor.Close(descriptor);
            return false;
        }

        return true;
    }

    /// <summary>Tells the client why it gets no session, as a server does, and closes the connection.</summary>
    /// <param name="sqlState">SQLSTATE.</param>
    /// <param name="message">What is wrong, in a line.</param>
    /// <param name="hint">What to do.</param>
    public async Task RefuseAsync(string sqlState, string message, string? hint = null)
    {
        using var patience = new CancellationTokenSource(s_refusalPatience);
        try
        {
            // Closing what has sent something unread would reset the connection, and the client lose the message.
            if (request is null && await StartupRequest.ReadAsync(socket, patience.Token).ConfigureAwait(false) is not { IsCancel: false })
            {
                return;
            }

            await socket.SendAsync(ErrorMessage(sqlState, message, hint), patience.Token).ConfigureAwait(false);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It is gone.
        }
        finally
        {
            socket.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

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
