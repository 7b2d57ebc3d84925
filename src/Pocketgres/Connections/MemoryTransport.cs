using System.Net.Sockets;
using System.Reflection;
using Npgsql;
using Npgsql.Internal;

namespace Pocketgres.Connections;

#pragma warning disable NPG9001 // Npgsql's connector is marked experimental.

/// <summary>
/// Connections of Npgsql to a server in this process, through memory once they are open: a round trip through a socket is mostly waking a thread of
/// .NET's socket engine, which then wakes the one that waits.
/// </summary>
/// <remarks>
/// Npgsql has no place for a transport of one's own, so its connector's streams are replaced where it does that itself when it begins to encrypt. With
/// an Npgsql that is made otherwise, connections stay on their sockets.
/// </remarks>
/// <param name="address">The server's: connections to another one are left alone.</param>
/// <param name="connect">Moves the session with this process id; null when it cannot be.</param>
internal sealed class MemoryTransport(NpgsqlConnectionStringBuilder address, Func<int, NetworkStream, Stream?> connect)
{
    private static readonly ConnectorParts? s_parts = ConnectorParts.TryBind();

    /// <summary>Whether this Npgsql is made as it must be.</summary>
    public static bool IsAvailable => s_parts is not null;

    /// <summary>Has the connections of a data source that is about to be built use it, unless they share sockets.</summary>
    public void AddTo(NpgsqlDataSourceBuilder builder)
    {
        if (!IsAvailable)
        {
            return;
        }

        var settings = builder.ConnectionStringBuilder;
        builder.UsePhysicalConnectionInitializer(
            connection => Move(connection, settings),
            connection =>
            {
                Move(connection, settings);
                return Task.CompletedTask;
            });
    }

    private void Move(NpgsqlConnection connection, NpgsqlConnectionStringBuilder settings)
    {
        if (!settings.Multiplexing && connection.Host == address.Host && connection.Port == address.Port
            && s_parts!.SocketOf(connection) is { } socket && connect(connection.ProcessID, socket) is { } memory)
        {
            s_parts.Replace(connection, memory);
        }
    }

    /// <summary>Members of Npgsql's connector that are not public (10.0).</summary>
    private sealed class ConnectorParts
    {
        private const BindingFlags Any = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;

        private readonly PropertyInfo _connector;
        private readonly FieldInfo _stream;
        private readonly (PropertyInfo Buffer, PropertyInfo Stream)[] _buffers;

        private ConnectorParts(PropertyInfo connector, FieldInfo stream, params (PropertyInfo Buffer, PropertyInfo Stream)[] buffers) =>
            (_connector, _stream, _buffers) = (connector, stream, buffers);

        /// <summary>Null when this Npgsql is another one than the one known here.</summary>
        public static ConnectorParts? TryBind() =>
            typeof(NpgsqlConnection).GetProperty("Connector", Any) is { } connector && connector.PropertyType == typeof(NpgsqlConnector)
            && typeof(NpgsqlConnector).GetField("_stream", Any) is { } stream && stream.FieldType == typeof(Stream)
            && TryBindBuffer("ReadBuffer") is { } reads && TryBindBuffer("WriteBuffer") is { } writes
                ? new ConnectorParts(connector, stream, reads, writes)
                : null;

        /// <summary>The socket of a connection; null when it has another stream, for example an encrypted one.</summary>
        public NetworkStream? SocketOf(NpgsqlConnection connection) => _stream.GetValue(_connector.GetValue(connection)) as NetworkStream;

        /// <summary>Gives a connection another stream, which it disposes in the end.</summary>
        public void Replace(NpgsqlConnection connection, Stream transport)
        {
            object? connector = _connector.GetValue(connection);
            _stream.SetValue(connector, transport);
            foreach (var (buffer, stream) in _buffers)
            {
                stream.SetValue(buffer.GetValue(connector), transport);
            }
        }

        private static (PropertyInfo Buffer, PropertyInfo Stream)? TryBindBuffer(string name) =>
            typeof(NpgsqlConnector).GetProperty(name, Any) is { } buffer
            && buffer.PropertyType.GetProperty("Underlying", Any) is { SetMethod: not null } stream && stream.PropertyType == typeof(Stream)
                ? (buffer, stream)
                : null;
    }
}
