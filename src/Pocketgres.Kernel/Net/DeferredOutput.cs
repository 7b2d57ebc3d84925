using System.Diagnostics;
using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// Output that send(2) has taken from a process and the host's socket has not got yet, as in a socket's buffer. Either the process's thread owns it and
/// sends it, or <see cref="OutputSender"/> does.
/// </summary>
/// <remarks>
/// All members are for the process's thread, but those that say otherwise. The sender gives the output back when all is sent, at an error, and, with what is left,
/// when the client does not read.
/// </remarks>
/// <param name="process">Whose output it is.</param>
/// <param name="sender">The kernel's.</param>
internal sealed unsafe class DeferredOutput(Process process, OutputSender sender)
{
    /// <summary>Bytes that are kept at most.</summary>
    public const int Capacity = ByteRing.Capacity;

    private const int Nobody = 0, Process = 1, Sender = 2;

    private readonly ByteRing _bytes = new();
    private int _owner; // Nobody: there are no bytes, or the sender has just overlooked some and takes it again
    private SocketFile? _socket; // counted; the owner's, changes under the lock
    private Errno _error; // the owner's
    private long _since;

    /// <summary>The next in the sender's list.</summary>
    public DeferredOutput? Next { get; set; }

    /// <summary>Where it goes; null when there is none. Any thread may see whether there is some.</summary>
    public SocketFile? Socket => Volatile.Read(ref _socket);

    /// <summary>True while the sender owns it. It may become false at any moment.</summary>
    public bool IsHandedOver => Volatile.Read(ref _owner) == Sender;

    /// <summary>True while the process owns it. Any thread.</summary>
    public bool IsOwnedByProcess => Volatile.Read(ref _owner) == Process;

    /// <summary>How long it has been kept, in ticks of <see cref="Stopwatch"/>. Any thread.</summary>
    public long Age => Stopwatch.GetTimestamp() - Volatile.Read(ref _since);

    /// <summary>Makes the process the owner, unless the sender is.</summary>
    public bool TryOwn() => IsOwnedByProcess || Interlocked.CompareExchange(ref _owner, Process, Nobody) == Nobody;

    /// <summary>The error of output that was taken before, once. There must be none left.</summary>
    public Errno TakeError()
    {
        var error = _error;
        _error = Errno.None;
        return error;
    }

    /// <summary>Keeps output; from now on the process owns it. There must be none, and no more than <see cref="Capacity"/>. Under the lock.</summary>
    public void Keep(SocketFile socket, byte* buffer, int count)
    {
        bool owned = TryOwn();
        Debug.Assert(owned, "the sender has nothing to take it for");
        Volatile.Write(ref _socket, (SocketFile)socket.AddReference());
        Volatile.Write(ref _since, Stopwatch.GetTimestamp());
        _bytes.Write(new ReadOnlySpan<byte>(buffer, count));
    }

    /// <summary>Makes the sender the owner, after <see cref="Keep"/>.</summary>
    public void HandOver()
    {
        Volatile.Write(ref _owner, Sender);
        sender.Add(this);
    }

    /// <summary>Keeps more output, behind that which the sender has.</summary>
    /// <returns>Bytes taken, or -EAGAIN.</returns>
    public int Append(byte* buffer, int count)
    {
        int taken = _bytes.Write(new ReadOnlySpan<byte>(buffer, count));

        // Pairs with SendForProcess: either the sender sees the bytes, or we see that it has given the output back.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _owner) == Nobody && Interlocked.CompareExchange(ref _owner, Sender, Nobody) == Nobody)
        {
            sender.Add(this);
        }

        return taken > 0 ? taken : -(int)Errno.EAGAIN;
    }

    /// <summary>Sends what the socket takes, with the lock or without. The owner's thread.</summary>
    /// <returns>False when the client does not read: some is left.</returns>
    public bool TrySend()
    {
        while (true)
        {
            var part = _bytes.Readable;
            if (part.IsEmpty)
            {
                return true;
            }

            int sent;
            fixed (byte* first = part)
            {
                sent = _socket!.Send(first, part.Length);
            }

            if (sent == -(int)Errno.EAGAIN)
            {
                return false;
            }

            if (sent < 0)
            {
                _error = (Errno)(-sent);
                sent = part.Length;
            }

            _bytes.Skip(sent);
        }
    }

    /// <summary>Sends what was handed over, and gives the output back. The thread that took it from the sender's list.</summary>
    public void SendForProcess()
    {
        while (TrySend())
        {
            Interlocked.Exchange(ref _owner, Nobody);
            if (_bytes.IsEmpty || Interlocked.CompareExchange(ref _owner, Sender, Nobody) != Nobody)
            {
                return;
            }
        }

        Interlocked.Exchange(ref _owner, Process);
        process.Wake(); // it waits for the client from now on
    }

    /// <summary>Forgets the socket once all is sent. Under the lock.</summary>
    public void DropIfSent()
    {
        if (_socket is { } socket && TryOwn() && _bytes.IsEmpty)
        {
            Volatile.Write(ref _socket, null);
            Volatile.Write(ref _owner, Nobody);
            socket.Release();
        }
    }

    /// <summary>Forgets what is left, for good. Under the lock, while the process owns it.</summary>
    public void Abandon()
    {
        _bytes.Skip(Capacity - _bytes.Room);
        DropIfSent();
    }

    /// <summary>Waits, without the lock, until the sender has room again or gives the output back: a moment.</summary>
    /// <param name="room">How much, in bytes.</param>
    public void AwaitSender(int room)
    {
        while (IsHandedOver && _bytes.Room < room)
        {
            Thread.Yield();
        }
    }
}
