using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// A socket of the host, always non-blocking there: waiting is the kernel's business, because it must give up the kernel's lock.
/// </summary>
public sealed unsafe class SocketFile : OpenFile
{
    private int _descriptor;
    private readonly Action? _closed;
    private int _receivedTaken; // of what was received before
    private bool? _goesOn; // whether the filter lets pass what came after the requests that it has answered; null until something came
    private WaitingConnections? _connections; // of a listening socket, made when the first connection comes

    /// <summary>Takes over a host descriptor.</summary>
    /// <param name="descriptor">Closed with the last reference.</param>
    /// <param name="closed">Called after that.</param>
    internal SocketFile(int descriptor, Action? closed = null)
    {
        _descriptor = descriptor;
        _closed = closed;
        Flags = OpenFlags.ReadWrite | OpenFlags.NonBlocking;
    }

    /// <summary>What <see cref="AcceptFilter.Judge"/> has noted about this connection before it was accepted; then its process's to change.</summary>
    public int AcceptState { get; set; }

    /// <summary>Of a connection: who has judged it.</summary>
    internal AcceptFilter? Filter { private get; init; }

    /// <summary>Of a connection: what the host has done with it before the program accepted it. What was received then, the program reads first. Null for most.</summary>
    public Handover? Handover { get; init; }

    /// <summary>What the connections of a listening socket come from instead of the host's; null for most.</summary>
    internal ConnectionQueue? Queue { get; set; }

    /// <summary>True after listen(2).</summary>
    public bool IsListening { get; internal set; }

    /// <summary>True once bind(2) succeeded, here or by the host before.</summary>
    public bool IsBound { get; internal set; }

    /// <summary>Where its bytes go instead of the host's socket, which then only tells when the peer is gone; null for most sockets.</summary>
    internal MemoryConnection? Memory { get; set; }

    /// <inheritdoc/>
    public override int PollDescriptor => _connections?.PollDescriptor ?? _descriptor;

    /// <inheritdoc/>
    public override bool IsSeekable => false;

    /// <summary>recv(2), never blocking: 0 only at the peer's end of stream, -EAGAIN when there is nothing yet.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="count">At most so many bytes.</param>
    /// <param name="peek">MSG_PEEK.</param>
    public int Receive(byte* buffer, int count, bool peek = false)
    {
        if (Memory is { } memory)
        {
            return memory.Receive(buffer, count, peek);
        }

        if (Handover?.Received is { } received && _receivedTaken < received.Length)
        {
            int part = Math.Min(count, received.Length - _receivedTaken);
            received.AsSpan(_receivedTaken, part).CopyTo(new Span<byte>(buffer, part));
            _receivedTaken += peek ? 0 : part;
            return part;
        }

        nint n = Libc.recv(_descriptor, buffer, count, Libc.MsgDontWait | (peek ? 2 : 0));
        if (AcceptState != 0 && _goesOn != true && n > 0)
        {
            _goesOn ??= Filter?.MayGoOn(AcceptState, *buffer) ?? true;
            return _goesOn.Value ? (int)n : 0;
        }

        return n >= 0 ? (int)n : -(int)HostErrno.Last();
    }

    /// <summary>
    /// Of a listening socket whose <see cref="PollDescriptor"/> is readable: whether accept(2) has a connection for the process (<see cref="KernelOptions.AcceptFilter"/>).
    /// </summary>
    internal bool HasConnection(Process process)
    {
        if (_connections is null && process.Kernel.Options.AcceptFilter is { } filter && _descriptor >= 0)
        {
            _connections = new WaitingConnections(_descriptor, filter, Queue);
        }

        return _connections?.HasConnection(process) ?? true;
    }

    /// <summary>accept(2), never blocking.</summary>
    /// <param name="process">The caller.</param>
    /// <param name="address">Where the client's address goes, or null.</param>
    /// <param name="length">Room there, and the size it has; null with <paramref name="address"/>.</param>
    /// <param name="state"><see cref="AcceptState"/> of the connection.</param>
    /// <param name="handover"><see cref="Handover"/> of the connection.</param>
    /// <returns>A host descriptor or a negated errno.</returns>
    internal int Accept(Process process, byte* address, int* length, out int state, out Handover? handover)
    {
        state = 0;
        handover = null;
        _ = HasConnection(process);
        if (_connections is null)
        {
            int accepted = Libc.accept4(_descriptor, address, length, Libc.SockNonBlocking | Libc.SockCloseOnExec);
            return accepted >= 0 ? accepted : -(int)HostErrno.Last();
        }

        int descriptor = _connections.TryTake(process, out var name, out state, out handover);
        if (descriptor >= 0 && address != null && length != null)
        {
            name[..Math.Min(name.Length, Math.Max(0, *length))].CopyTo(new Span<byte>(address, Math.Max(0, *length)));
            *length = name.Length;
        }

        return descriptor;
    }

    /// <summary>send(2), never blocking, no SIGPIPE.</summary>
    public int Send(byte* buffer, int count)
    {
        if (Memory is { } memory)
        {
            return memory.Send(buffer, count);
        }

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
        Memory?.CloseProcess();
        _connections?.Close();
        _ = _descriptor < 0 ? 0 : Libc.close(_descriptor);
        _descriptor = -1;
        Handover?.Dispose();
        _closed?.Invoke();
        Filter?.Ended(AcceptState);
    }
}
