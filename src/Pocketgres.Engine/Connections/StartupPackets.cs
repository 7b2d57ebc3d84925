using System.Buffers.Binary;
using System.Globalization;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Connections;

/// <summary>
/// Keeps connections from the postmaster until their startup packet is there: natively each has a process that waits for it. What ProcessStartupPacket
/// (tcop/backend_startup.c) does before: the limits of a packet's length, and the answers to requests for TLS and GSS, of which there is no GSS.
/// Who begins with TLS waits here until the first message of the handshake is there. Who is granted it, too, but for a few: their processes start while they make that message.
/// Whatever is wrong or doubtful goes to a backend, which says so.
/// </summary>
internal sealed class StartupPackets : AcceptFilter
{
    private const int Header = 4, MaximumLength = FirstMessages.MaximumLength + Header;
    private const int TlsHeader = 5; // type, version (2), length (2): RFC 8446, 5.1
    private const int UnixFamily = 1; // AF_UNIX, which has no TLS
    private const int SslSeen = 1, GssSeen = 2, TlsGranted = 4, TlsAwaited = 8; // states of a connection
    private const int MaximumAwaited = 8; // so many processes at most wait for handshakes that may never come
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromMinutes(1);

    private int _awaited; // connections with TlsAwaited

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

    /// <summary>Notes that a connection's handshake is done.</summary>
    public void HandshakeDone(SocketFile connection)
    {
        Ended(connection.AcceptState);
        connection.AcceptState &= ~TlsAwaited;
    }

    /// <summary>Keeps from a backend what is not encrypted although TLS was granted: it would take it.</summary>
    /// <inheritdoc/>
    public override bool MayGoOn(int state, byte first) => (state & TlsAwaited) == 0 || first == FirstMessages.TlsHandshake;

    /// <inheritdoc/>
    public override void Ended(int state)
    {
        if ((state & TlsAwaited) != 0)
        {
            _ = Interlocked.Decrement(ref _awaited);
        }
    }

    /// <inheritdoc/>
    public override AcceptVerdict Judge(Process process, ReadOnlySpan<byte> address, ReadOnlySpan<byte> received, ref int state, out byte answer)
    {
        answer = (byte)'N';
        bool hasTls = PostgresProcess.Of(process).Tls.Context is not null && BinaryPrimitives.ReadUInt16LittleEndian(address) != UnixFamily;
        if (received[0] == FirstMessages.TlsHandshake)
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
            FirstMessages.SslRequest => SslSeen,
            FirstMessages.GssRequest => GssSeen,
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

        if (isFirst && HasGrantedTls(state) && Volatile.Read(ref _awaited) < MaximumAwaited)
        {
            _ = Interlocked.Increment(ref _awaited);
            state |= TlsAwaited;
            return AcceptVerdict.AnswerAndAccept;
        }

        return isFirst ? AcceptVerdict.Answer : AcceptVerdict.Close; // a backend, which has not seen the first one, would wait for more
    }

    private static bool HasRecord(ReadOnlySpan<byte> received) =>
        received.Length >= TlsHeader && received.Length >= TlsHeader + BinaryPrimitives.ReadUInt16BigEndian(received[3..]);
}
