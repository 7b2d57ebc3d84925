using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>
/// The connections of a listening socket that <see cref="AcceptFilter"/> keeps from accept(2): a host descriptor each, no process and no thread. When there are
/// too many, or descriptors run out, the oldest of the address that has most is closed: no address pushes others out, and clients that are what they should be wait for milliseconds.
/// Used by the listening process, under the kernel's lock.
/// </summary>
/// <param name="listener">The listening socket, or the queue's descriptor.</param>
/// <param name="filter">Says which connections are ready.</param>
/// <param name="queue">Where connections come from instead of the socket; null for most.</param>
internal sealed unsafe class WaitingConnections(int listener, AcceptFilter filter, ConnectionQueue? queue = null)
{
    /// <summary>Connections of one socket that may wait; fewer where few descriptors are allowed (an eighth of them).</summary>
    public const int MaximumWaiting = 1280;

    private const int AcceptedAtOnce = 64; // then the program may look at other things
    private const int AddressSize = 128; // struct sockaddr_storage

    private static readonly int s_maximum = Math.Clamp(HostDescriptors.Limit / 8, 1, MaximumWaiting);

    private readonly Dictionary<int, WaitingConnection> _waiting = [];
    private readonly Dictionary<ulong, int> _counts = []; // of those that wait, by origin
    private readonly Queue<WaitingConnection> _byAge = []; // those that wait, and some that do not any more
    private readonly Queue<WaitingConnection> _ready = [];
    private Errno _error; // of accept(2), for the program
    private int _set = -1, _timer = -1; // made when a connection waits: the listening socket, the connections and the timer

    /// <summary>What to poll for input: before a look at <see cref="HasConnection"/>, because readiness may mean none for the program.</summary>
    public int PollDescriptor => _ready.TryPeek(out var next) ? next.Descriptor : _set >= 0 ? _set : listener;

    /// <summary>Connections that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Whether <see cref="TryTake"/> has something for the program, if only an error.</summary>
    public bool HasConnection(Process process)
    {
        if (_ready.Count == 0)
        {
            LookAtWaiting(process);
            if (_ready.Count == 0)
            {
                Accept(process);
            }

            SetTimer();
        }

        return _ready.Count > 0 || _error != Errno.None;
    }

    /// <summary>accept(2): a connection whose request is there, the client's address, and the filter's state of it.</summary>
    /// <param name="process">The caller.</param>
    /// <param name="address">The client's.</param>
    /// <param name="state">What the filter has noted.</param>
    /// <param name="handover">What the host has done with the connection before, or null.</param>
    /// <returns>A host descriptor, which the caller owns, or a negated errno.</returns>
    public int TryTake(Process process, out ReadOnlySpan<byte> address, out int state, out Handover? handover)
    {
        address = default;
        state = 0;
        handover = null;
        if (!HasConnection(process))
        {
            return -(int)Errno.EAGAIN;
        }

        if (!_ready.TryDequeue(out var connection))
        {
            var error = _error;
            _error = Errno.None;
            return -(int)error;
        }

        address = connection.Address;
        state = connection.State;
        handover = connection.Handover;
        queue?.Taken();
        return connection.Descriptor;
    }

    /// <summary>Closes all of them.</summary>
    public void Close()
    {
        foreach (var c in _waiting.Values)
        {
            Close(c);
        }

        foreach (var c in _ready)
        {
            Close(c);
        }

        filter.Waiting -= _waiting.Count;
        _waiting.Clear();
        _counts.Clear();
        _byAge.Clear();
        _ready.Clear();
        Close(ref _timer);
        Close(ref _set);
    }

    private static void Close(ref int descriptor)
    {
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
            descriptor = -1;
        }
    }

    private void LookAtWaiting(Process process)
    {
        if (_waiting.Count == 0)
        {
            return;
        }

        int* descriptors = stackalloc int[Epoll.MaximumEvents];
        uint* happened = stackalloc uint[Epoll.MaximumEvents];
        int count = Epoll.Wait(_set, descriptors, happened);
        for (int i = 0; i < count; i++)
        {
            if (_waiting.TryGetValue(descriptors[i], out var connection))
            {
                Judge(process, connection, hasEnded: (happened[i] & (Epoll.PeerHangUp | Epoll.HangUp | Epoll.Error)) != 0);
            }
        }

        long now = Stopwatch.GetTimestamp();
        while (Oldest() is { } oldest && oldest.Deadline <= now)
        {
            Drop(oldest);
        }
    }

    private void Close(WaitingConnection connection)
    {
        _ = Libc.close(connection.Descriptor);
        filter.Ended(connection.State);
        connection.Handover?.Dispose();
        queue?.Taken();
    }

    // Until one is ready, or no more are there.
    private void Accept(Process process)
    {
        byte* address = stackalloc byte[AddressSize];
        long deadline = 0;
        for (int i = 0; i < AcceptedAtOnce && _ready.Count == 0; i++)
        {
            int length = AddressSize;
            Handover? handover = null;
            int descriptor = queue is null
                ? HostDescriptors.KeepConnection(Libc.accept4(listener, address, &length, Libc.SockNonBlocking | Libc.SockCloseOnExec))
                : queue.TryTake(address, &length, out handover);
            if (descriptor < 0)
            {
                if (queue is not null)
                {
                    return;
                }

                var error = HostErrno.Last();
                if (error is Errno.EMFILE or Errno.ENFILE && Superfluous() is { } superfluous)
                {
                    Drop(superfluous);
                    continue;
                }

                if (error is Errno.ECONNABORTED or Errno.EINTR)
                {
                    continue;
                }

                _error = error == Errno.EAGAIN ? Errno.None : error;
                return;
            }

            if (deadline == 0)
            {
                deadline = Stopwatch.GetTimestamp() + (long)(filter.PatienceOf(process).TotalSeconds * Stopwatch.Frequency);
            }

            var connection = new WaitingConnection(descriptor, new ReadOnlySpan<byte>(address, Math.Min(length, AddressSize)).ToArray(), deadline) { Handover = handover };
            if (handover is not null)
            {
                _ready.Enqueue(connection); // who has read it has judged it
                continue;
            }

            _waiting.Add(descriptor, connection);
            _counts[connection.Origin] = _counts.GetValueOrDefault(connection.Origin) + 1;
            filter.Waiting++;
            Judge(process, connection, hasEnded: false);
            if (_waiting.ContainsKey(descriptor))
            {
                Keep(connection);
            }
        }
    }

    private void Keep(WaitingConnection connection)
    {
        _byAge.Enqueue(connection);
        if (!EnsureSet() || Epoll.Control(_set, Epoll.Add, connection.Descriptor, Epoll.In | Epoll.PeerHangUp | Epoll.EdgeTriggered) != 0)
        {
            Drop(connection); // no descriptors
            return;
        }

        connection.IsInSet = true;
        while (_waiting.Count > s_maximum)
        {
            Drop(Superfluous()!);
        }

        if (_byAge.Count > 2 * s_maximum)
        {
            // The oldest may stay for long, while those behind it go.
            for (int i = _byAge.Count; i > 0; i--)
            {
                if (_byAge.Dequeue() is { IsWaiting: true } waiting)
                {
                    _byAge.Enqueue(waiting);
                }
            }
        }
    }

    [SkipLocalsInit]
    private void Judge(Process process, WaitingConnection connection, bool hasEnded)
    {
        byte* bytes = stackalloc byte[filter.MaximumRequest];
        while (true)
        {
            nint n = Libc.recv(connection.Descriptor, bytes, filter.MaximumRequest, Libc.MsgPeek | Libc.MsgDontWait);
            if (n <= 0)
            {
                if (n == 0 || hasEnded || HostErrno.Last() is not (Errno.EAGAIN or Errno.EINTR))
                {
                    Drop(connection); // nothing was asked, so nobody is answered
                }

                return;
            }

            var verdict = filter.Judge(process, connection.Address, new ReadOnlySpan<byte>(bytes, (int)n), ref connection.State, out byte answer);
            switch (verdict)
            {
                case AcceptVerdict.Answer or AcceptVerdict.AnswerAndAccept:
                    if (Libc.recv(connection.Descriptor, bytes, n, Libc.MsgDontWait) != n || Libc.send(connection.Descriptor, &answer, 1, Libc.MsgDontWait | Libc.MsgNoSignal) != 1)
                    {
                        Drop(connection);
                        return;
                    }

                    if (verdict == AcceptVerdict.AnswerAndAccept)
                    {
                        goto default;
                    }

                    break;
                case AcceptVerdict.Close:
                    Drop(connection);
                    return;
                case AcceptVerdict.Wait when !hasEnded:
                    return;
                default:
                    Forget(connection); // a request that ends in the middle is the program's to complain of
                    _ready.Enqueue(connection);
                    return;
            }
        }
    }

    private WaitingConnection? Oldest()
    {
        while (_byAge.TryPeek(out var oldest))
        {
            if (oldest.IsWaiting)
            {
                return oldest;
            }

            _byAge.Dequeue();
        }

        return null;
    }

    // The oldest of the origin that has most; of several such, of the one with the oldest connection.
    private WaitingConnection? Superfluous()
    {
        var oldest = Oldest();
        if (oldest is null || _counts.Count == 1)
        {
            return oldest;
        }

        int most = 0;
        foreach (int count in _counts.Values)
        {
            most = Math.Max(most, count);
        }

        foreach (var c in _byAge)
        {
            if (c.IsWaiting && _counts[c.Origin] == most)
            {
                return c;
            }
        }

        return oldest;
    }

    private void Drop(WaitingConnection connection)
    {
        Forget(connection);
        filter.Dropped++;
        Close(connection);
    }

    private void Forget(WaitingConnection connection)
    {
        connection.IsWaiting = false;
        _waiting.Remove(connection.Descriptor);
        filter.Waiting--;
        if (--CollectionsMarshal.GetValueRefOrNullRef(_counts, connection.Origin) == 0)
        {
            _counts.Remove(connection.Origin);
        }

        if (connection.IsInSet)
        {
            _ = Epoll.Control(_set, Epoll.Delete, connection.Descriptor, 0);
        }

        _ = Oldest(); // the queue shrinks with what waits
    }

    private bool EnsureSet()
    {
        if (_set >= 0)
        {
            return true;
        }

        _set = Epoll.Create(Epoll.CloseOnExec);
        _timer = _set < 0 ? -1 : Epoll.CreateTimer(1, Epoll.CloseOnExec);
        if (_timer >= 0 && Epoll.Control(_set, Epoll.Add, listener, Epoll.In) == 0 && Epoll.Control(_set, Epoll.Add, _timer, Epoll.In) == 0)
        {
            return true;
        }

        Close(ref _timer);
        Close(ref _set);
        return false;
    }

    private void SetTimer()
    {
        if (_timer >= 0)
        {
            long left = Oldest() is { } oldest ? Math.Max(1, ((oldest.Deadline - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency) + 1) : 0;
            _ = Epoll.SetTimer(_timer, left);
        }
    }
}
