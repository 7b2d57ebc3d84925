using System.Diagnostics;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel;

/// <content>Reads of sockets that find nothing: where a process would wait next, it looks here already.</content>
public sealed unsafe partial class Process
{
    private EmptyReads _emptyReads;
    private long _lookedSince; // when the look began that the next wait goes on from, in ticks of Stopwatch; 0 for none

    /// <summary>
    /// A non-blocking read of a socket that has nothing yet: looks for input for a moment, if the process always waits next and its waits are short (<see cref="BusyWait"/>).
    /// What comes then costs neither a wait nor another read: 5 % of small statements.
    /// </summary>
    /// <remarks>
    /// The process goes on running meanwhile, as in any call: its memory may be written. So a latch is not seen that somebody sets without a signal, nor a snapshot begun,
    /// until the look is over; it takes <see cref="BusyWait.Patience"/> at most, and ends when another process begins to run, which who sets the latch is.
    /// </remarks>
    /// <param name="socket">Of the host, without data.</param>
    /// <param name="buffer">Where to.</param>
    /// <param name="count">At most so many bytes.</param>
    /// <returns>As <see cref="SocketFile.Receive"/>.</returns>
    internal int ReceiveSoon(SocketFile socket, byte* buffer, int count)
    {
        _emptyReads.Read();
        if (_busyWait is null || _isLocked || socket.Memory is not null || !_emptyReads.WaitFollows)
        {
            return -(int)Errno.EAGAIN;
        }

        long start = Stopwatch.GetTimestamp();
        _lookedSince = start; // one look for each wait
        if (!_busyWait.MayLook(Kernel.Running, 1))
        {
            return -(int)Errno.EAGAIN;
        }

        do
        {
            int received = socket.Receive(buffer, count);
            if (received != -(int)Errno.EAGAIN)
            {
                _lookedSince = 0;
                _emptyReads.Found();
                _busyWait.Looked(true);
                _busyWait.Waited(Stopwatch.GetTimestamp() - start);
                return received;
            }
        }
        while (Stopwatch.GetTimestamp() - start < BusyWait.Patience && Kernel.Running.Count == 1 && !HasPendingSignals && Volatile.Read(ref _waitInterrupted) == 0);
        _busyWait.Looked(false);
        return -(int)Errno.EAGAIN;
    }
}
