namespace Pocketgres.Engine.Tls;

/// <summary>
/// The encrypted side of a connection that changes hands: <see cref="System.Net.Security.SslStream"/> keeps the stream that it was made with, what that reads and writes may
/// be another one. One that is pending holds on to the old one: there must be none at a change.
/// </summary>
/// <param name="target">What it reads and writes.</param>
/// <param name="received">What was read from <paramref name="target"/> already.</param>
internal sealed class RelayStream(Stream target, ReadOnlyMemory<byte> received) : Stream
{
    private ReadOnlyMemory<byte> _received = received;

    /// <summary>What it reads and writes.</summary>
    public Stream Target { private get; set; } = target;

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

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_received.IsEmpty)
        {
            return Target.ReadAsync(buffer, cancellationToken);
        }

        int taken = Math.Min(buffer.Length, _received.Length);
        _received[..taken].CopyTo(buffer);
        _received = _received[taken..];
        return new(taken);
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Target.WriteAsync(buffer, cancellationToken);

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Target.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public override void Flush() => Target.Flush();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}
