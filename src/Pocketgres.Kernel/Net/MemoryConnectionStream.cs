using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// The host's end of a connection in memory (<see cref="PosixKernel.ConnectInMemory"/>), with the socket that it had before. One reader and one writer at a time, as for any stream of
/// a socket; <see cref="Stream.Dispose()"/> from any thread ends their waits.
/// </summary>
/// <remarks>
/// A read looks for the answer for a moment before it sleeps, while answers come quickly (<see cref="BusyWait"/>): to be woken takes longer than a small query.
/// </remarks>
public sealed class MemoryConnectionStream : Stream
{
    private const int LooksAtOnce = 16; // to read the clock takes almost as long as a look

    // Who looks keeps a core busy that an answering process may need: never more than half of them.
    private static readonly int s_mayLook = Environment.ProcessorCount / 2;
    private static int s_looking;

    private readonly MemoryConnection _connection;
    private readonly NetworkStream _socket;
    private readonly BusyWait _busyWait = new();
    private byte[]? _unread; // what came through the socket before
    private volatile bool _disposed;

    internal MemoryConnectionStream(MemoryConnection connection, NetworkStream socket)
    {
        _connection = connection;
        _socket = socket;
        if (socket.DataAvailable)
        {
            _unread = new byte[socket.Socket.Available];
            socket.ReadExactly(_unread);
        }
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanTimeout => true;

    /// <summary>Milliseconds that a synchronous read waits, 0 or -1 for ever; the socket's, which may be set there too. Then it fails as one of a socket does.</summary>
    public override int ReadTimeout
    {
        get => _socket.Socket.ReceiveTimeout;
        set => _socket.Socket.ReceiveTimeout = value;
    }

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The time is over (the inner exception is a <see cref="SocketException"/>), or the stream was disposed meanwhile.</exception>
    public override int Read(Span<byte> buffer)
    {
        int n = TryRead(buffer);
        if (n >= 0)
        {
            return n;
        }

        long start = Stopwatch.GetTimestamp();
        if (Look())
        {
            n = TryRead(buffer);
        }

        // More than once, because a process also signals what was read before it came to that.
        while (n < 0)
        {
            _connection.HostReads.PrepareThread();
            if (_connection.HostCanRead || _disposed)
            {
                _connection.HostReads.DoNotSleep();
            }
            else if (!_connection.HostReads.Sleep(TimeLimit(start)) && !_disposed)
            {
                throw new IOException("The time for the read is over.", new SocketException((int)SocketError.TimedOut));
            }

            _connection.HostWoke = Stopwatch.GetTimestamp();
            n = TryRead(buffer);
        }

        Waited(start);
        return n;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        int n = TryRead(buffer.Span);
        if (n >= 0)
        {
            return ValueTask.FromResult(n);
        }

        long start = Stopwatch.GetTimestamp();
        if (!Look())
        {
            return SleepAndReadAsync(buffer, start, cancellationToken);
        }

        Waited(start);
        return ValueTask.FromResult(TryRead(buffer.Span));
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    /// <exception cref="IOException">The process has closed its end, or the stream was disposed.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (true)
        {
            buffer = buffer[WriteSome(buffer)..];
            if (buffer.IsEmpty)
            {
                return;
            }

            _connection.HostWrites.PrepareThread();
            if (_connection.HostCanWrite || _disposed)
            {
                _connection.HostWrites.DoNotSleep();
            }
            else
            {
                _connection.HostWrites.Sleep(Timeout.Infinite);
            }
        }
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (true)
        {
            buffer = buffer[WriteSome(buffer.Span)..];
            if (buffer.IsEmpty)
            {
                return;
            }

            _connection.HostWrites.PrepareTask();
            await _connection.HostWrites.SleepAsync(needless: _connection.HostCanWrite || _disposed, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        if (disposing)
        {
            _socket.Dispose();
        }

        _connection.CloseHost();
        _connection.HostReads.Signal();
        _connection.HostWrites.Signal();
        base.Dispose(disposing);
    }

    private static IOException Closed() => new("The connection is closed.", new SocketException((int)SocketError.ConnectionAborted));

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> SleepAndReadAsync(Memory<byte> buffer, long start, CancellationToken cancellationToken)
    {
        int n;
        do
        {
            _connection.HostReads.PrepareTask();
            await _connection.HostReads.SleepAsync(needless: _connection.HostCanRead || _disposed, cancellationToken).ConfigureAwait(false);
            _connection.HostWoke = Stopwatch.GetTimestamp();
            n = TryRead(buffer.Span);
        }
        while (n < 0);
        Waited(start);
        return n;
    }

    /// <summary>What there is; 0 at the end of the stream, -1 when there is nothing yet.</summary>
    private int TryRead(Span<byte> buffer)
    {
        if (_disposed)
        {
            throw Closed();
        }

        if (_unread is { } unread && !buffer.IsEmpty)
        {
            int count = Math.Min(unread.Length, buffer.Length);
            unread.AsSpan(0, count).CopyTo(buffer);
            _unread = count == unread.Length ? null : unread[count..];
            return count;
        }

        bool closed = _connection.ProcessClosed; // before the bytes: what was sent before the end is read
        int n = _connection.ReadByHost(buffer);
        return n > 0 || closed || buffer.IsEmpty ? n : -1;
    }

    // What is left of it, in milliseconds.
    private int TimeLimit(long start)
    {
        try
        {
            int whole = ReadTimeout;
            return whole <= 0 ? Timeout.Infinite : (int)Math.Max(0, whole - Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        catch (ObjectDisposedException)
        {
            return 0; // the read finds out why
        }
    }

    private int WriteSome(ReadOnlySpan<byte> buffer)
    {
        if (_disposed)
        {
            throw Closed();
        }

        return _connection.ProcessClosed
            ? throw new IOException("The server has closed the connection.", new SocketException((int)SocketError.ConnectionReset))
            : _connection.WriteByHost(buffer);
    }

    // Without what waking took, this side and the other: otherwise those who sleep, because waits were long once, would find them long for ever. Where
    // others have use for the machine's cores, it takes milliseconds.
    private void Waited(long start)
    {
        long woken = _connection.HostReads.SignalTime;
        _busyWait.Waited((woken >= start ? woken : Stopwatch.GetTimestamp()) - Math.Max(start, _connection.ProcessTook));
    }

    /// <summary>Looks for something to read, if that is likely to come soon.</summary>
    private bool Look()
    {
        if (!_busyWait.Promising)
        {
            return false;
        }

        bool found = false;
        if (Interlocked.Increment(ref s_looking) <= s_mayLook)
        {
            long start = Stopwatch.GetTimestamp();
            do
            {
                for (int i = 0; i < LooksAtOnce && !found; i++)
                {
                    Thread.SpinWait(1);
                    found = _connection.HostCanRead || _disposed;
                }
            }
            while (!found && Stopwatch.GetTimestamp() - start < BusyWait.ClientPatience);
            _busyWait.Looked(found);
        }

        Interlocked.Decrement(ref s_looking);
        return found;
    }
}
