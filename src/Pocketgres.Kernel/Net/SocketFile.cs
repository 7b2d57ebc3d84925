using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// A socket of the host, always non-blocking there: waiting is the kernel's business, because it must give up the global lock.
/// </summary>
public sealed unsafe class SocketFile : OpenFile
{
    private readonly int _descriptor;
    private readonly Action? _closed;

    /// <summary>Takes over a host descriptor.</summary>
    /// <param name="descriptor">Closed with the last reference.</param>
    /// <param name="closed">Called after that.</param>
    internal SocketFile(int descriptor, Action? closed = null)
    {
        _descriptor = descriptor;
        _closed = closed;
        Flags = OpenFlags.ReadWrite | OpenFlags.NonBlocking;
    }

    /// <summary>True after listen(2).</summary>
    public bool IsListening { get; internal set; }

    /// <summary>True once bind(2) succeeded, here or by the host before.</summary>
    public bool IsBound { get; internal set; }

    /// <inheritdoc/>
    public override int PollDescriptor => _descriptor;

    /// <inheritdoc/>
    public override bool IsSeekable => false;

    /// <summary>recv(2), never blocking: 0 only at the peer's end of stream, -EAGAIN when there is nothing yet.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="count">At most so many bytes.</param>
    /// <param name="peek">MSG_PEEK.</param>
    public int Receive(byte* buffer, int count, bool peek = false)
    {
        nint n = Libc.recv(_descriptor, buffer, count, Libc.MsgDontWait | (peek ? 2 : 0));
        return n >= 0 ? (int)n : -(int)HostErrno.Last();
    }

    /// <summary>send(2), never blocking, no SIGPIPE.</summary>
    public int Send(byte* buffer, int count)
    {
        nint n = Libc.send(_descriptor, buffer, count, Libc.MsgDontWait | Libc.MsgNoSignal);
        return n >= 0 ? (int)n : -(int)HostErrno.Last();
    }

    /// <inheritdoc/>
    public override int Read(byte* buffer, int count) => Receive(buffer, count);

    /// <inheritdoc/>
    public override int Write(byte* buffer, int count) => Send(buffer, count);

    /// <inheritdoc/>
    public override Errno Status(out FileStatus status)
    {
        status = new FileStatus(0, _descriptor, 0xC1ED, 1, 0, 0, 0, 0, 0, 0, 0);
        return Errno.None;
    }

    internal override FileSnapshot? Capture(SnapshotFiles files) => new SocketSnapshot(IsListening);

    /// <inheritdoc/>
    protected override void Close()
    {
        _ = _descriptor < 0 ? 0 : Libc.close(_descriptor);
        _closed?.Invoke();
    }
}
