using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// A connected pair of sockets in memory: one end is a process's (<see cref="SocketFile"/>), the other one a stream of the host
/// (<see cref="MemoryConnectionStream"/>). Bytes pass from thread to thread without a system call, and nobody is woken who is awake.
/// </summary>
/// <param name="process">The one that has the socket.</param>
internal sealed unsafe class MemoryConnection(Process process)
{
    private readonly ByteRing _toProcess = new();
    private readonly ByteRing _toHost = new();
    private readonly HostWait _hostReads = new(), _hostWrites = new();
    private int _awaited = PollEvents.In; // what the process sleeps for; at first unknown
    private bool _processClosed;
    private bool _hostClosed;
    private ProcessOnly _process;
    private long _processTook, _hostWoke;

    /// <summary>Where the host sleeps until there is something to read, or the process has closed.</summary>
    public HostWait HostReads => _hostReads;

    /// <summary>Where the host sleeps until there is room to write, or the process has closed.</summary>
    public HostWait HostWrites => _hostWrites;

    /// <summary>
    /// When the process last received something although it had to be woken for it, or was late because it had to wake the host, as
    /// <see cref="Stopwatch.GetTimestamp"/>; 0 for never. What waking takes (100 us and more where the machine's cores are wanted by others) says nothing of how long the
    /// process's work takes. For the host.
    /// </summary>
    public long ProcessTook => Volatile.Read(ref _processTook);

    /// <summary>When the host's reader was last awake after it had slept, likewise. For the process; set by the reader.</summary>
    public long HostWoke
    {
        get => Volatile.Read(ref _hostWoke);
        set => Volatile.Write(ref _hostWoke, value);
    }

    /// <summary>Bytes that the process can send at once; for the process, it only grows.</summary>
    public int RoomToHost => _toHost.Room;

    /// <summary>True once the process's end is closed. What it sent before can still be read.</summary>
    public bool ProcessClosed => Volatile.Read(ref _processClosed);

    /// <summary>recv(2) of the process: 0 only at the host's end of stream, -EAGAIN when there is nothing yet.</summary>
    public int Receive(byte* buffer, int count, bool peek)
    {
        bool closed = Volatile.Read(ref _hostClosed); // before the bytes: what was written before the end is read
        int n = _toProcess.Read(new Span<byte>(buffer, count), peek);
        if (n > 0 && !peek)
        {
            if (_process.Late)
            {
                _process.Late = false;
                Volatile.Write(ref _processTook, Stopwatch.GetTimestamp());
            }

            if (!_process.Waited)
            {
                process.DidNotWait();
            }

            _process.Waited = false;

            _hostWrites.Signal();
        }

        return n > 0 || count == 0 || closed ? n : -(int)Errno.EAGAIN;
    }

    /// <summary>send(2) of the process.</summary>
    public int Send(byte* buffer, int count)
    {
        if (Volatile.Read(ref _hostClosed))
        {
            return -(int)Errno.EPIPE;
        }

        int n = _toHost.Write(new ReadOnlySpan<byte>(buffer, count));
        if (n > 0 && _hostReads.Signal())
        {
            _process.Late = true;
        }

        return n > 0 || count == 0 ? n : -(int)Errno.EAGAIN;
    }

    /// <summary>What poll(2) answers the process that asks for <paramref name="events"/>.</summary>
    public short Ready(short events)
    {
        if (Volatile.Read(ref _hostClosed))
        {
            return (short)((events & (PollEvents.In | PollEvents.Out | PollEvents.PeerHangUp)) | PollEvents.HangUp);
        }

        int ready = 0;
        if ((events & PollEvents.In) != 0 && !_toProcess.IsEmpty)
        {
            ready |= PollEvents.In;
        }

        if ((events & PollEvents.Out) != 0 && _toHost.Room > 0)
        {
            ready |= PollEvents.Out;
        }

        return (short)ready;
    }

    /// <summary>From here on the host wakes the process for these events. Look at <see cref="Ready"/> once more before sleeping.</summary>
    public void BeginSleep(short events) => Interlocked.Exchange(ref _awaited, events);

    /// <summary>The process is awake again.</summary>
    /// <param name="slept">It did sleep.</param>
    public void EndSleep(bool slept)
    {
        Volatile.Write(ref _awaited, 0);
        _process.Late |= slept;
    }

    /// <summary>The process waits, looking or asleep.</summary>
    public void BeginWait() => _process.Waited = true;

    /// <summary>The process closes its end.</summary>
    public void CloseProcess()
    {
        Volatile.Write(ref _processClosed, true);
        _hostReads.Signal();
        _hostWrites.Signal();
    }

    /// <summary>The host closes its end: the process reads what there is, then the end of the stream. Any thread, also again.</summary>
    public void CloseHost()
    {
        Volatile.Write(ref _hostClosed, true);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _awaited) != 0)
        {
            process.Wake();
        }
    }

    /// <summary>The host's read; 0 when there is nothing.</summary>
    public int ReadByHost(Span<byte> buffer)
    {
        int n = _toHost.Read(buffer);
        if (n > 0)
        {
            WakeFor(PollEvents.Out);
        }

        return n;
    }

    /// <summary>The host's write; 0 when there is no room.</summary>
    public int WriteByHost(ReadOnlySpan<byte> bytes)
    {
        int n = _toProcess.Write(bytes);
        if (n > 0)
        {
            WakeFor(PollEvents.In);
        }

        return n;
    }

    /// <summary>Whether a read by the host would find something, the end included.</summary>
    public bool HostCanRead => !_toHost.IsEmpty || ProcessClosed;

    /// <summary>Whether a write by the host would find room, or fail.</summary>
    public bool HostCanWrite => _toProcess.Room > 0 || ProcessClosed;

    private void WakeFor(short @event)
    {
        // Pairs with BeginSleep: either we see that the process sleeps, or it sees what we did.
        Interlocked.MemoryBarrier();
        if ((Volatile.Read(ref _awaited) & @event) != 0)
        {
            process.Wake();
        }
    }

    // What the process writes at each turn must not be in a cache line that the host reads, which would have to be fetched from the other core each time.
    [StructLayout(LayoutKind.Explicit, Size = 3 * CacheLines)]
    private struct ProcessOnly
    {
        private const int CacheLines = 128; // a pair, which processors fetch together

        /// <summary>It slept, or had to wake the host, since it last received.</summary>
        [FieldOffset(CacheLines)]
        public bool Late;

        /// <summary>It waited for this connection since then.</summary>
        [FieldOffset(CacheLines + 1)]
        public bool Waited;
    }
}
