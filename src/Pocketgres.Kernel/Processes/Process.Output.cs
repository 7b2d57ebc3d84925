using System.Diagnostics;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel;

/// <content>
/// Output of a process that others wait for: send(2) costs more than a small query and needs no global lock, so while others wait the
/// bytes are kept (as a socket buffer would) and sent right after the process has given up the lock, which it is about to do.
/// </content>
public sealed unsafe partial class Process
{
    private const int DeferredLimit = 16 * 1024;

    // Sent no later than about this long after send(2) even if the process goes on computing.
    private static readonly long s_deferredPatience = Stopwatch.Frequency / 1000; // 1 ms

    private SocketFile? _deferredSocket;
    private byte* _deferred;
    private int _deferredStart;
    private int _deferredEnd;
    private long _deferredAt;
    private Errno _deferredError;

    /// <summary>send(2), never blocking. While other processes wait for the lock, small output is sent at the next chance to do so without it.</summary>
    /// <returns>Bytes taken, or a negated errno; an error of output taken earlier is reported by a later call, as sockets do.</returns>
    public int Send(SocketFile socket, byte* buffer, int count)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (_deferredSocket is not null)
        {
            FlushOutput();
            if (_deferredSocket is not null)
            {
                return _deferredSocket == socket ? -(int)Errno.EAGAIN : socket.Send(buffer, count);
            }
        }

        if (_deferredError != Errno.None)
        {
            int error = -(int)_deferredError;
            _deferredError = Errno.None;
            return error;
        }

        if (count > DeferredLimit || !OthersWait || !socket.TakesAtOnce(count))
        {
            return socket.Send(buffer, count);
        }

        if (_deferred is null)
        {
            _deferred = (byte*)NativeMemory.Alloc(DeferredLimit);
        }

        Buffer.MemoryCopy(buffer, _deferred, DeferredLimit, count);
        _deferredStart = 0;
        _deferredEnd = count;
        _deferredAt = Stopwatch.GetTimestamp();
        _deferredSocket = (SocketFile)socket.AddReference();
        return count;
    }

    /// <summary>Asks the process to send what it keeps, when that has waited long enough. Called by the preemption timer.</summary>
    internal void PokeOutput()
    {
        if (Volatile.Read(ref _deferredSocket) is not null && Stopwatch.GetTimestamp() - Volatile.Read(ref _deferredAt) > s_deferredPatience)
        {
            RequestReschedule();
        }
    }

    // Sends what it can, with the lock or without; nobody else touches these fields. The reference is dropped under the lock, in TakeFlushed.
    private void TrySendDeferred()
    {
        while (_deferredStart < _deferredEnd)
        {
            int n = _deferredSocket!.Send(_deferred + _deferredStart, _deferredEnd - _deferredStart);
            if (n == -(int)Errno.EAGAIN)
            {
                return;
            }

            if (n < 0)
            {
                _deferredError = (Errno)(-n);
                _deferredStart = _deferredEnd;
                return;
            }

            _deferredStart += n;
        }
    }

    private void DropFlushed()
    {
        if (_deferredSocket is { } socket && _deferredStart == _deferredEnd)
        {
            _deferredSocket = null;
            socket.Release();
        }
    }

    /// <summary>Sends kept output now, with the lock held.</summary>
    private void FlushOutput()
    {
        if (_deferredSocket is not null)
        {
            TrySendDeferred();
            DropFlushed();
        }
    }

    /// <summary>At a preemption point: sends kept output if the process is about to yield, or if the output has waited long enough.</summary>
    private void FlushOutputAtPreemption()
    {
        if (_deferredSocket is not null && (OthersWait || Stopwatch.GetTimestamp() - _deferredAt > s_deferredPatience))
        {
            FlushOutput();
        }
    }

    /// <summary>
    /// Without the lock, before a wait: sends kept output. A client that does not read is waited for together with what the caller
    /// waits for.
    /// </summary>
    /// <returns>-1 when the caller shall wait now; otherwise the result of its poll: 0 when the time was over, or the number of its events.</returns>
    private int FlushOutputBeforeWait(PollEntry* fds, int count, ref long timeoutNanoseconds)
    {
        TrySendDeferred();
        if (_deferredStart == _deferredEnd)
        {
            return -1;
        }

        var all = stackalloc PollEntry[count + 1];
        new Span<PollEntry>(fds, count).CopyTo(new Span<PollEntry>(all, count));
        long start = Stopwatch.GetTimestamp(), whole = timeoutNanoseconds;
        while (true)
        {
            all[count] = new PollEntry { Descriptor = _deferredSocket!.PollDescriptor, Events = PollEvents.Out };
            int ready = Wait(all, count + 1, timeoutNanoseconds);
            if (whole >= 0)
            {
                timeoutNanoseconds = Math.Max(0, whole - (long)(Stopwatch.GetElapsedTime(start).Ticks * 100));
            }

            bool over = ready == 0;
            if (all[count].Returned != 0)
            {
                ready--;
                TrySendDeferred();
            }

            if (ready > 0 || over)
            {
                new Span<PollEntry>(all, count).CopyTo(new Span<PollEntry>(fds, count));
                return ready;
            }

            if (_deferredStart == _deferredEnd)
            {
                return -1;
            }
        }
    }

    // At exit: what the client was promised goes out, unless it does not read for a while.
    private void FinishOutput()
    {
        const int patienceMilliseconds = 10_000;
        if (_deferredSocket is not null)
        {
            TrySendDeferred();
            if (_deferredStart < _deferredEnd)
            {
                Kernel.Scheduler.Release();
                var entry = new PollEntry { Descriptor = _deferredSocket.PollDescriptor, Events = PollEvents.Out };
                while (_deferredStart < _deferredEnd && Libc.poll(&entry, 1, patienceMilliseconds) != 0)
                {
                    TrySendDeferred();
                }

                Kernel.Scheduler.Acquire(this);
            }

            _deferredStart = _deferredEnd;
            DropFlushed();
        }

        NativeMemory.Free(_deferred);
        _deferred = null;
    }
}
