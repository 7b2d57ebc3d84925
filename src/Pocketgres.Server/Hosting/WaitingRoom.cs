using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Server.Hosting;

/// <summary>
/// Connections whose first request is not complete yet. When there are too many, the oldest of the address that has most is closed: no address pushes others out, and
/// clients that are what they should be are here for milliseconds. As <c>WaitingConnections</c> of the kernel for a server's own. Thread-safe.
/// </summary>
/// <param name="maximum">Connections that may be here.</param>
internal sealed class WaitingRoom(int maximum)
{
    /// <summary>Connections that may wait; fewer where few descriptors are allowed (an eighth of them).</summary>
    public const int MaximumWaiting = 1280;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, LinkedList<Place>> _byOrigin = []; // the oldest first
    private int _count;
    private long _number;

    /// <summary>For as many as a server keeps waiting.</summary>
    public WaitingRoom()
        : this(Math.Clamp(HostDescriptor.Limit / 8, 1, MaximumWaiting))
    {
    }

    /// <summary>A connection is here until the result is disposed.</summary>
    /// <param name="client">Its client.</param>
    /// <param name="close">Closes it, if it is superfluous.</param>
    public IDisposable Enter(EndPoint? client, Action close)
    {
        Place place;
        Place? superfluous = null;
        lock (_lock)
        {
            place = new Place(this, OriginOf(client), _number++, close);
            if (!_byOrigin.TryGetValue(place.Origin, out var same))
            {
                _byOrigin.Add(place.Origin, same = []);
            }

            place.Node = same.AddLast(place);
            if (++_count > maximum)
            {
                superfluous = _byOrigin.Values.OrderByDescending(p => p.Count).ThenBy(p => p.First!.Value.Number).First().First!.Value;
                Remove(superfluous);
            }
        }

        superfluous?.Close();
        return place;
    }

    private static ulong OriginOf(EndPoint? client)
    {
        if (client is not IPEndPoint { Address: var address })
        {
            return ulong.MaxValue;
        }

        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        byte[] bytes = address.GetAddressBytes();
        return address.AddressFamily == AddressFamily.InterNetwork ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    // Under the lock; once for each.
    private void Remove(Place place)
    {
        if (place.Node is not { } node)
        {
            return;
        }

        place.Node = null;
        _count--;
        var same = node.List!;
        same.Remove(node);
        if (same.Count == 0)
        {
            _byOrigin.Remove(place.Origin);
        }
    }

    private sealed class Place(WaitingRoom room, ulong origin, long number, Action close) : IDisposable
    {
        public ulong Origin => origin;

        public long Number => number;

        public LinkedListNode<Place>? Node { get; set; }

        public void Close()
        {
            try
            {
                close();
            }
            catch (ObjectDisposedException)
            {
                // It has just left.
            }
        }

        public void Dispose()
        {
            lock (room._lock)
            {
                room.Remove(this);
            }
        }
    }
}
