using System.Buffers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Tls;

/// <summary>How a call on a connection ended, if not well; TlsResult of eng/engine/tls.c.</summary>
internal enum TlsResult
{
    /// <summary>Nothing more can be done until the socket is readable.</summary>
    WantRead = -1,

    /// <summary>Until it is writable.</summary>
    WantWrite = -2,

    /// <summary>The socket failed.</summary>
    SocketError = -3,

    /// <summary>The client closed its end in the middle of something.</summary>
    End = -4,

    /// <summary>The protocol was violated, or the client is not trusted.</summary>
    Error = -5,

    /// <summary>Client and server speak no common version.</summary>
    VersionError = -6,

    /// <summary>The handshake is done, but the client's certificate is not to be trusted.</summary>
    Untrusted = -7,
}

/// <summary>
/// The server's end of one encrypted connection. Its calls never wait: they answer that they want to read or write, and are repeated when the socket can, a write with the same data.
/// Used by the process's thread.
/// </summary>
internal sealed unsafe class TlsSession : IDisposable
{
    private const int RecordSize = 16384; // the most that one record carries

    private readonly TlsContext _context;
    private readonly PeerCheck _check;
    private readonly RecordStream _records;
    private readonly SslStream _stream;
    private readonly GuestBytes _data = new();
    private readonly byte[] _plain = new byte[RecordSize];
    private int _plainStart, _plainEnd;
    private Task? _handshake, _writing;
    private Task<int>? _reading;
    private int _writingLength;
    private bool _isOpen, _ended;

    /// <summary>Begins nothing yet.</summary>
    /// <param name="context">What it is authenticated with.</param>
    /// <param name="socket">The connection.</param>
    /// <param name="received">What the client has sent and the process has read already.</param>
    public TlsSession(TlsContext context, SocketFile socket, byte[] received)
    {
        _context = context;
        Socket = socket;
        _check = new PeerCheck(context);
        _records = new RecordStream(socket, received);
        _stream = new SslStream(_records, leaveInnerStreamOpen: true);
    }

    /// <summary>Goes on with a connection whose handshake the host has done.</summary>
    /// <param name="context">What it was authenticated with.</param>
    /// <param name="check">What was found of the client's certificate.</param>
    /// <param name="stream">The connection.</param>
    /// <param name="records">What <paramref name="stream"/> reads from and writes to from now on.</param>
    /// <param name="plain">What was read from it, to be read again: not more than a record has.</param>
    public TlsSession(TlsContext context, PeerCheck check, SslStream stream, RecordStream records, ReadOnlySpan<byte> plain)
    {
        _context = context;
        _check = check;
        _stream = stream;
        _records = records;
        _isOpen = true;
        _plainEnd = plain.Length;
        plain.CopyTo(_plain);
    }

    /// <summary>The connection; null when its handshake was the host's.</summary>
    public SocketFile? Socket { get; }

    /// <summary>Why the last call failed, if it was not the socket.</summary>
    public TlsFailure? Failure { get; private set; }

    /// <summary>What the socket has failed with.</summary>
    public Errno SocketError => _records.Error;

    /// <summary>The client's certificate, which is trusted, or null.</summary>
    public X509Certificate2? Peer => _check.Peer;

    /// <summary>TLSv1.2 or TLSv1.3.</summary>
    public string Version => _stream.SslProtocol == System.Security.Authentication.SslProtocols.Tls13 ? "TLSv1.3" : "TLSv1.2";

    /// <summary>The cipher suite.</summary>
    public TlsCipherSuite Cipher => _stream.NegotiatedCipherSuite;

    /// <summary>The protocol that was agreed on by ALPN, or empty.</summary>
    public string Protocol => _stream.NegotiatedApplicationProtocol.ToString();

    /// <inheritdoc cref="TlsContext.CertificateHash"/>
    public ReadOnlySpan<byte> CertificateHash => _context.CertificateHash;

    /// <summary>Goes on with the handshake. 0 when it is done, or a <see cref="TlsResult"/>.</summary>
    public int Handshake() => Try(static s =>
    {
        if (!s._isOpen)
        {
#pragma warning disable CA5359 // it is judged: Untrusted is what Handshake answers then
            s._handshake ??= s._stream.AuthenticateAsServerAsync(s._context.Options(s._check.Validate));
#pragma warning restore CA5359
            if (!s.Advance(s._handshake, writes: false))
            {
                return (int)s.Wanted();
            }

            s._handshake.GetAwaiter().GetResult();
            s._isOpen = true;
        }

        s.Failure = s._check.Failure;
        return s.Failure is null ? 0 : (int)TlsResult.Untrusted;
    });

    /// <summary>Reads what the client has sent.</summary>
    /// <returns>Bytes; 0 at the end; or a <see cref="TlsResult"/>.</returns>
    public int Read(byte* buffer, int count)
    {
        if (_plainStart == _plainEnd && !_ended)
        {
            int n = Try(static s => s.Fill());
            if (n < 0)
            {
                return n;
            }

            (_plainStart, _plainEnd, _ended) = (0, n, n == 0);
        }

        int taken = Math.Min(count, _plainEnd - _plainStart);
        _plain.AsSpan(_plainStart, taken).CopyTo(new Span<byte>(buffer, taken));
        _plainStart += taken;
        return taken;
    }

    /// <summary>Sends data: as much as fits into a record. What it wants to write is encrypted already, and the caller's data still counts as not sent.</summary>
    /// <returns>Bytes, or a <see cref="TlsResult"/>.</returns>
    public int Write(byte* data, int count)
    {
        _data.Set(data, Math.Min(count, RecordSize));
        int result = Try(static s => s.Send());
        _data.Set(null, 0);
        return result;
    }

    /// <summary>Says goodbye, if the client takes it at once.</summary>
    public void Close()
    {
        if (_isOpen && _writing is null)
        {
            _ = Try(static s => s._stream.ShutdownAsync().IsCompletedSuccessfully ? 0 : (int)TlsResult.WantWrite);
        }

        Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isOpen = false;
        _stream.Dispose();
        _records.Dispose();
    }

    private int Fill()
    {
        if (_reading is null)
        {
            var read = _stream.ReadAsync(_plain);
            if (read.IsCompleted)
            {
                return read.GetAwaiter().GetResult();
            }

            _reading = read.AsTask();
        }

        if (!Advance(_reading, writes: false))
        {
            return (int)Wanted();
        }

        var done = _reading;
        _reading = null;
        return done.GetAwaiter().GetResult();
    }

    private int Send()
    {
        if (_writing is null)
        {
            _writingLength = _data.Length;
            var write = _stream.WriteAsync(_data.Memory);
            if (write.IsCompleted)
            {
                write.GetAwaiter().GetResult();
                return _writingLength;
            }

            _writing = write.AsTask();
        }

        if (!Advance(_writing, writes: true))
        {
            return (int)(_records.WriteWaits ? TlsResult.WantWrite : TlsResult.WantRead);
        }

        var done = _writing;
        _writing = null;
        done.GetAwaiter().GetResult();
        return _writingLength;
    }

    private TlsResult Wanted() => _records.ReadWaits ? TlsResult.WantRead : TlsResult.WantWrite;

    // Does what can be done for an operation without waiting. True when it is complete.
    private bool Advance(Task operation, bool writes)
    {
        while (!operation.IsCompleted)
        {
            bool moved = (_records.WriteWaits && _records.TryWrite()) || (_records.ReadWaits && !(writes && _records.WriteWaits) && _records.TryRead());
            if (!moved)
            {
                if (_records.ReadWaits || _records.WriteWaits)
                {
                    return false;
                }

                operation.ContinueWith(static _ => { }, TaskScheduler.Default).Wait(); // .NET went on with it on another thread
            }
        }

        return true;
    }

    private int Try(Func<TlsSession, int> action)
    {
        try
        {
            return action(this);
        }
#pragma warning disable CA1031 // whatever a client sends, it must not become the crash of a server process, which would end all sessions
        catch (Exception e)
#pragma warning restore CA1031
        {
            return (int)Judge(e);
        }
    }

    private TlsResult Judge(Exception e)
    {
        if (_records.Error != Errno.None)
        {
            return TlsResult.SocketError;
        }

        if (_records.HasEnded)
        {
            return TlsResult.End;
        }

        Failure = new TlsFailure(TlsMessages.Of(e));
        return TlsMessages.IsOfVersion(Failure.Message) ? TlsResult.VersionError : TlsResult.Error;
    }

    /// <summary>A process's memory as .NET's, for the length of one call.</summary>
    private sealed class GuestBytes : MemoryManager<byte>
    {
        private byte* _start;

        public int Length { get; private set; }

        public void Set(byte* start, int length)
        {
            _start = start;
            Length = length;
        }

        public override Span<byte> GetSpan() => new(_start, Length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
