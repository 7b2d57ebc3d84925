using System.Buffers.Binary;
using System.Globalization;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Connections;

/// <summary>
/// Keeps connections from the postmaster until their startup packet is there: natively each has a process that waits for it. What ProcessStartupPacket
/// (tcop/backend_startup.c) does before: the limits of a packet's length, and the answers to requests for TLS and GSS, of which there is no GSS.
/// Who is granted TLS, or begins with it, waits here until the first message of the handshake is there.
/// Whatever is wrong or doubtful goes to a backend, which says so.
/// </summary>
internal sealed class StartupPackets : AcceptFilter
{
    private const int Header = 4, MaximumLength = 10_000 + Header; // MAX_STARTUP_PACKET_LENGTH (libpq/pqcomm.h)
    private const int SslRequest = 80877103, GssRequest = 80877104; // NEGOTIATE_SSL_CODE, NEGOTIATE_GSS_CODE
    private const byte TlsHandshake = 0x16;
    private const int TlsHeader = 5; // type, version (2), length (2): RFC 8446, 5.1
    private const int UnixFamily = 1; // AF_UNIX, which has no TLS
    private const int SslSeen = 1, GssSeen = 2, TlsGranted = 4; // states of a connection
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromMinutes(1);

    /// <inheritdoc/>
    public override int MaximumRequest => MaximumLength + 1; // to see whether something follows

    /// <summary>authentication_timeout, as the postmaster has it.</summary>
    public override TimeSpan PatienceOf(Process process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return int.TryParse(GuestSettings.Get(process, "authentication_timeout"), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(seconds)
            : DefaultPatience;
    }

    /// <summary>Whether a connection's SSLRequest has been answered with yes.</summary>
    /// <param name="state">The connection's.</param>
    public static bool HasGrantedTls(int state) => (state & TlsGranted) != 0;

    /// <inheritdoc/>
    public override AcceptVerdict Judge(Process process, ReadOnlySpan<byte> address, ReadOnlySpan<byte> received, ref int state, out byte answer)
    {
        answer = (byte)'N';
        bool hasTls = PostgresProcess.Of(process).Tls.Context is not null && BinaryPrimitives.ReadUInt16LittleEndian(address) != UnixFamily;
        if (received[0] == TlsHandshake)
        {
            return hasTls && received.Length < MaximumRequest && !HasRecord(received) ? AcceptVerdict.Wait : AcceptVerdict.Accept;
        }

        if (HasGrantedTls(state))
        {
            return AcceptVerdict.Close; // a backend would take what is not encrypted
        }

        if (received.Length < Header)
        {
            return AcceptVerdict.Wait;
        }

        int length = BinaryPrimitives.ReadInt32BigEndian(received);
        if (length is < 2 * Header or > MaximumLength)
        {
            return AcceptVerdict.Accept;
        }

        if (received.Length < length)
        {
            return AcceptVerdict.Wait;
        }

        // Each kind once, and nothing behind it.
        int kind = length != 2 * Header || received.Length != length ? 0 : BinaryPrimitives.ReadInt32BigEndian(received[Header..]) switch
        {
            SslRequest => SslSeen,
            GssRequest => GssSeen,
            _ => 0,
        };
        if (kind == 0)
        {
            return AcceptVerdict.Accept;
        }

        bool isFirst = (state & kind) == 0;
        state |= kind;
        if (kind == SslSeen && hasTls)
        {
            answer = (byte)'S';
            state |= TlsGranted;
        }

        return isFirst ? AcceptVerdict.Answer : AcceptVerdict.Close; // a backend, which has not seen the first one, would wait for more
    }

    private static bool HasRecord(ReadOnlySpan<byte> received) =>
        received.Length >= TlsHeader && received.Length >= TlsHeader + BinaryPrimitives.ReadUInt16BigEndian(received[3..]);
}
