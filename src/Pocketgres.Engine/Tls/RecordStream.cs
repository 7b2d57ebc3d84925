using System.Threading.Tasks.Sources;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Tls;

/// <summary>
/// The encrypted side of a connection for <see cref="System.Net.Security.SslStream"/>: the process's socket, which never blocks. What it cannot do at once stays pending until the
/// process's thread tries again (<see cref="TryRead"/>, <see cref="TryWrite"/>); what has waited for it goes on there and then, on that thread.
/// </summary>
/// <param name="socket">The socket.</param>
/// <param name="received">What the client has sent and the process has read already.</param>
internal sealed unsafe class RecordStream(SocketFile socket, byte[] received) : Stream
{
    private readonly Transfer _read = new(), _write = new();
    private Memory<byte> _target; // of the pending read
    private ReadOnlyMemory<byte> _source; // what the pending write has left
    private int _receivedTaken;
    private bool _isDrained; // the last read got less than it had room for

    /// <summary>A read waits until the socket is readable.</summary>
    public bool ReadWaits { get; private set; }

    /// <summary>A write waits until the socket is writable.</summary>
    public bool WriteWaits { get; private set; }

    /// <summary>The client has closed its end.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>What the socket has failed with.</summary>
    public Errno Error { get; private set; }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Tries the pending read again. False when there is nothing to read yet.</summary>
    public bool TryRead()
    {
        int n = Receive(_target.Span);
        if (n == -(int)Errno.EAGAIN)
        {
            return false;
        }

        ReadWaits = false;
        _target = default;
        _read.Complete(n, n < 0 ? Failed(n) : null);
        return true;
    }

    /// <summary>Tries the pending write again. False when there is no room yet.</summary>
    public bool TryWrite()
    {
        int result = Send();
        if (result == -(int)Errno.EAGAIN)
        {
            return false;
        }

        WriteWaits = false;
        _source = default;
        _write.Complete(0, result < 0 ? Failed(result) : null);
        return true;
    }

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int n = Receive(buffer.Span);
        if (n >= 0)
        {
            return new(n);
        }

        if (n != -(int)Errno.EAGAIN)
        {
            return ValueTask.FromException<int>(Failed(n));
        }

        _target = buffer;
        ReadWaits = true;
        return _read.Begin();
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _source = buffer;
        int result = Send();
        if (result == -(int)Errno.EAGAIN)
        {
            WriteWaits = true;
            return _write.BeginWithoutResult();
        }

        _source = default;
        return result < 0 ? ValueTask.FromException(Failed(result)) : default;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    private int Receive(Span<byte> buffer)
    {
        if (_receivedTaken < received.Length)
        {
            int taken = Math.Min(buffer.Length, received.Length - _receivedTaken);
            received.AsSpan(_receivedTaken, taken).CopyTo(buffer);
            _receivedTaken += taken;
            return taken;
        }

        // SslStream reads nothing, to learn whether there is something, before it takes a buffer for it.
        if (buffer.IsEmpty && !_isDrained)
        {
            return 0;
        }

        int n;
        fixed (byte* b = buffer)
        {
            n = socket.Receive(b, buffer.Length);
        }

        _isDrained = n < buffer.Length;
        HasEnded |= n == 0 && !buffer.IsEmpty;
        return n;
    }

    // 0 when all of the source is sent.
    private int Send()
    {
        while (_source.Length > 0)
        {
            int n;
            fixed (byte* b = _source.Span)
            {
                n = socket.Send(b, _source.Length);
            }

            if (n < 0)
            {
                return n;
            }

            _source = _source[n..];
        }

        return 0;
    }

    private IOException Failed(int result)
    {
        Error = (Errno)(-result);
        return new IOException(Error.ToString());
    }

    /// <summary>One read or write at a time that is pending. What awaits it runs where it is completed.</summary>
    private sealed class Transfer : IValueTaskSource<int>, IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<int> _core;

        public ValueTask<int> Begin()
        {
            _core.Reset();
            return new(this, _core.Version);
        }

        public ValueTask BeginWithoutResult()
        {
            _core.Reset();
            return new(this, _core.Version);
        }

        public void Complete(int result, Exception? error)
        {
            if (error is null)
            {
                _core.SetResult(result);
            }
            else
            {
                _core.SetException(error);
            }
        }

        public int GetResult(short token) => _core.GetResult(token);

        void IValueTaskSource.GetResult(short token) => _ = _core.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }
}
