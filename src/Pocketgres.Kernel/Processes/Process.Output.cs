using System.Diagnostics;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel;

/// <content>
/// Output of a process that others wait for: send(2) costs more than a small query and needs no global lock, so while others wait the
/// bytes are kept (as a socket buffer would) and sent right after the process has given up the lock, which it is about to do; or the kernel's
/// <see cref="Scheduling.OutputSender"/> sends them at once, while there is one.
/// </content>
public sealed unsafe partial class Process
{
    // Sent no later than about this long after send(2) even if the process goes on computing.
    private static readonly long s_deferredPatience = Stopwatch.Frequency / 1000; // 1 ms

    private DeferredOutput? _output; // made when it is needed first

    /// <summary>Whether send(2) has taken something that the socket has not got, for all this process knows.</summary>
    private bool HasDeferred => _output is { Socket: not null };

    /// <summary>send(2), never blocking. While other processes wait for the lock, small output is sent at the next chance to do so without it.</summary>
    /// <returns>Bytes taken, or a negated errno; an error of output taken earlier is reported by a later call, as sockets do.</returns>
    public int Send(SocketFile socket, byte* buffer, int count)
    {
        ArgumentNullException.ThrowIfNull(socket);
        if (HasDeferred)
        {
            FlushOutput();
            if (_output!.Socket is { } pending)
            {
                return pending != socket ? socket.Send(buffer, count)
                    : _output.IsOwnedByProcess ? -(int)Errno.EAGAIN
                    : _output.Append(buffer, count);
            }
        }

        if (_output?.TakeError() is { } error and not Errno.None)
        {
            return -(int)error;
        }

        bool hasSender = Kernel.Scheduler.Sender.IsActive && socket.Memory is null;
        if (count is 0 or > DeferredOutput.Capacity || !(hasSender || (OthersWait && socket.TakesAtOnce(count))))
        {
            return socket.Send(buffer, count);
        }

        _output ??= new DeferredOutput(this, Kernel.Scheduler.Sender);
        _output.Keep(socket, buffer, count);
        if (hasSender)
        {
            _output.HandOver();
        }

        return count;
    }

    /// <summary>Asks the process to send what it keeps, when that has waited long enough. Called by the preemption timer.</summary>
    internal void PokeOutput()
    {
        if (Volatile.Read(ref _output) is { Socket: not null, IsOwnedByProcess: true } output && output.Age > s_deferredPatience)
        {
            RequestReschedule();
        }
    }

    /// <summary>Sends what this process keeps, as far as the client takes it, with the lock or without.</summary>
    private void TrySendDeferred()
    {
        if (HasDeferred && _output!.TryOwn())
        {
            _output.TrySend();
        }
    }

    // A socket that nobody else has any more is closed here: under the lock.
    private void DropFlushed() => _output?.DropIfSent();

    /// <summary>Sends kept output now, with the lock held.</summary>
    private void FlushOutput()
    {
        TrySendDeferred();
        DropFlushed();
    }

    /// <summary>At a preemption point: sends kept output if the process is about to yield, or if the output has waited long enough.</summary>
    private void FlushOutputAtPreemption()
    {
        if (HasDeferred && (OthersWait || _output!.Age > s_deferredPatience))
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
        int descriptor = _output!.Socket!.PollDescriptor;
        if (_output.IsHandedOver)
        {
            // The sender wakes this process if the client does not read. The socket has room; it is the sender's that the caller waits for.
            for (int i = 0; i < count; i++)
            {
                if (fds[i].Descriptor == descriptor && (fds[i].Events & PollEvents.Out) != 0)
                {
                    _output.AwaitSender(room: DeferredOutput.Capacity / 2);
                }
            }
        }

        if (!_output.TryOwn() || _output.TrySend())
        {
            return -1;
        }

        var all = stackalloc PollEntry[count + 1];
        new Span<PollEntry>(fds, count).CopyTo(new Span<PollEntry>(all, count));
        long start = Stopwatch.GetTimestamp(), whole = timeoutNanoseconds;
        while (true)
        {
            all[count] = new PollEntry { Descriptor = descriptor, Events = PollEvents.Out };
            int ready = Wait(all, count + 1, timeoutNanoseconds);
            if (whole >= 0)
            {
                timeoutNanoseconds = Math.Max(0, whole - (long)(Stopwatch.GetElapsedTime(start).Ticks * 100));
            }

            bool over = ready == 0, sent = false;
            if (all[count].Returned != 0)
            {
                ready--;
                sent = _output.TrySend();
            }

            if (ready > 0 || over)
            {
                new Span<PollEntry>(all, count).CopyTo(new Span<PollEntry>(fds, count));
                return ready;
            }

            if (sent)
            {
                return -1;
            }
        }
    }

    // At exit: what the client was promised goes out, unless it does not read for a while.
    private void FinishOutput()
    {
        const int patienceMilliseconds = 10_000;
        if (!HasDeferred)
        {
            return;
        }

        Kernel.Scheduler.Release();
        _output!.AwaitSender(room: int.MaxValue);
        _output.TryOwn();
        var entry = new PollEntry { Descriptor = _output.Socket!.PollDescriptor, Events = PollEvents.Out };
        while (!_output.TrySend() && Libc.poll(&entry, 1, patienceMilliseconds) != 0)
        {
        }

        Kernel.Scheduler.Acquire(this);
        _output.Abandon();
    }
}
