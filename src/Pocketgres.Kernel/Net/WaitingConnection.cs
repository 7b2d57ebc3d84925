using System.Buffers.Binary;

namespace Pocketgres.Kernel.Net;

/// <summary>A connection of <see cref="WaitingConnections"/>.</summary>
/// <param name="descriptor">Of the host.</param>
/// <param name="address">struct sockaddr of the client.</param>
/// <param name="deadline">When it is closed, by <see cref="System.Diagnostics.Stopwatch"/>.</param>
internal sealed class WaitingConnection(int descriptor, byte[] address, long deadline)
{
    private const int Internet = 2, Internet6 = 10; // AF_INET, AF_INET6; the addresses are at 4 and 8: netinet/in.h
    private const int MappedPrefix = 12; // bytes of ::ffff:0:0/96 before an IPv4 address

    /// <summary>The filter's.</summary>
    public int State;

    /// <summary>The host's descriptor.</summary>
    public int Descriptor => descriptor;

    /// <summary>struct sockaddr of the client.</summary>
    public byte[] Address => address;

    /// <summary>What the host has done with it before, or null.</summary>
    public Handover? Handover { get; init; }

    /// <summary>When it is closed.</summary>
    public long Deadline => deadline;

    /// <summary>Its request is not there yet.</summary>
    public bool IsWaiting { get; set; } = true;

    /// <summary>It is in the set of epoll(7).</summary>
    public bool IsInSet { get; set; }

    /// <summary>Who it is from, as far as one client can be told from another: the address of IPv4, the network (/64) of IPv6; one for all of a Unix socket.</summary>
    public ulong Origin { get; } = OriginOf(address);

    private static ulong OriginOf(ReadOnlySpan<byte> address)
    {
        switch (address.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(address))
        {
            case Internet when address.Length >= 8:
                return BinaryPrimitives.ReadUInt32BigEndian(address[4..]);
            case Internet6 when address.Length >= 24:
                var ip = address.Slice(8, 16);
                return ip[..MappedPrefix].SequenceEqual((ReadOnlySpan<byte>)[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
                    ? BinaryPrimitives.ReadUInt32BigEndian(ip[MappedPrefix..])
                    : BinaryPrimitives.ReadUInt64BigEndian(ip);
            default:
                return ulong.MaxValue;
        }
    }
}
