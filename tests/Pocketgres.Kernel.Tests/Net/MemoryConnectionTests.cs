using System.Diagnostics;
using System.Net.Sockets;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>
/// <see cref="PosixKernel.ConnectInMemory"/>: neither side must be able to tell it from the socket that it was, but by its speed.
/// </summary>
public sealed class MemoryConnectionTests
{
    private const int Eagain = -(int)Errno.EAGAIN;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_arrives_in_order_while_both_sides_send_at_once(bool asynchronous)
    {
        const int total = 3_000_000;
        using var server = new ConnectedProcess(p => p.Exchange(total));
        using var stream = server.Connect();
        var random = new Random(5);
        int[] lengths = [.. Enumerable.Range(0, 400).Select(i => i % 10 == 0 ? random.Next(60_000) : random.Next(300))];
        var writing = Task.Run(async () =>
        {
            byte[] bytes = new byte[60_000];
            for (int sent = 0, i = 0; sent < total; i++)
            {
                int length = Math.Min(lengths[i % lengths.Length], total - sent);
                for (int k = 0; k < length; k++)
                {
                    bytes[k] = ConnectedProcess.Byte(sent + k);
                }

                if (asynchronous)
                {
                    await stream.WriteAsync(bytes.AsMemory(0, length));
                }
                else
                {
                    stream.Write(bytes, 0, length);
                }

                sent += length;
            }
        });
        byte[] buffer = new byte[10_000];
        for (int read = 0; read < total;)
        {
            int n = asynchronous ? await stream.ReadAsync(buffer) : stream.Read(buffer);
            Assert.True(n > 0, "the end of the stream");
            for (int k = 0; k < n; k++)
            {
                Assert.True(buffer[k] == ConnectedProcess.Byte(read + k), $"byte {read + k}");
            }

            read += n;
        }

        await writing;
        server.Finish();
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, 400)]
    [InlineData(true, 400)]
    public async Task Questions_and_answers_wake_each_other(bool asynchronous, int spins)
    {
        // With thinking times around the patience of a look, both sides are awake, asleep and on the way between in all combinations.
        const int turns = 20_000;
        using var server = new ConnectedProcess(p =>
        {
            byte[] one = new byte[1];
            for (int i = 0; i < turns; i++)
            {
                Assert.Equal(1, p.Receive(one));
                Thread.SpinWait(i % (spins + 1));
                Assert.Equal(1, p.Send(one));
            }
        });
        using var stream = server.Connect();
        byte[] bytes = new byte[1];
        for (int i = 0; i < turns; i++)
        {
            Thread.SpinWait(i * 7 % (spins + 1));
            bytes[0] = (byte)i;
            if (asynchronous)
            {
                await stream.WriteAsync(bytes);
                Assert.Equal(1, await stream.ReadAsync(bytes));
            }
            else
            {
                stream.Write(bytes);
                Assert.Equal(1, stream.Read(bytes));
            }

            Assert.Equal((byte)i, bytes[0]);
        }

        server.Finish();
    }

    [Fact]
    public void The_host_learns_when_a_request_was_taken_if_waking_delayed_it()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var connection = new MemoryConnection(p);
            long Taken()
            {
                byte[] one = new byte[1];
                Assert.Equal(1, connection.WriteByHost(one));
                unsafe
                {
                    fixed (byte* b = one)
                    {
                        Assert.Equal(1, connection.Receive(b, 1, peek: false));
                    }
                }

                return connection.ProcessTook;
            }

            unsafe void Answer()
            {
                byte one = 1;
                Assert.Equal(1, connection.Send(&one, 1));
            }

            Assert.Equal(0, Taken());
            connection.BeginSleep(PollEvents.In);
            connection.EndSleep(slept: false);
            Answer();
            Assert.Equal(0, Taken()); // nobody slept

            connection.BeginSleep(PollEvents.In);
            connection.EndSleep(slept: true);
            long before = Stopwatch.GetTimestamp();
            long woken = Taken();
            Assert.InRange(woken, before, Stopwatch.GetTimestamp());
            Answer();
            Assert.Equal(woken, Taken());

            connection.HostReads.PrepareThread();
            Answer(); // wakes
            before = Stopwatch.GetTimestamp();
            Assert.InRange(Taken(), before, Stopwatch.GetTimestamp());
        });
    }

    [Fact]
    public void What_was_in_the_socket_is_read_first()
    {
        bool sent = false;
        using var server = new ConnectedProcess(p =>
        {
            Assert.Equal(6, p.Send("before"u8));
            Volatile.Write(ref sent, true);
            Assert.Equal(1, p.Receive(new byte[1]));
            Assert.Equal(6, p.Send("behind"u8));
        });
        Eventually.Holds(() => Volatile.Read(ref sent) || server.Process.HasExited);
        using var stream = server.Connect();
        byte[] all = new byte[12];
        stream.ReadExactly(all, 0, 4);
        stream.WriteByte(1);
        stream.ReadExactly(all, 4, 8);
        Assert.Equal("beforebehind"u8.ToArray(), all);
        server.Finish();
    }

    [Theory]
    [InlineData("stream")]
    [InlineData("socket")]
    public void When_the_host_closes_the_process_reads_the_rest_and_the_end_and_cannot_send(string closed)
    {
        using var server = new ConnectedProcess(p =>
        {
            byte[] bytes = new byte[10];
            Assert.Equal(4, p.Receive(bytes));
            Assert.Equal(0, p.Receive(bytes));
            Assert.Equal(-(int)Errno.EPIPE, p.Send(bytes));
        });
        using var stream = server.Connect();
        stream.Write("rest"u8);
        if (closed == "stream")
        {
            stream.Dispose();
        }
        else
        {
            server.Client.Client.Close();
        }

        server.Finish();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Signal.Kill)]
    public void When_the_process_ends_the_host_reads_the_rest_and_the_end_and_cannot_write(int status)
    {
        using var server = new ConnectedProcess(p =>
        {
            byte[] bytes = new byte[10];
            Assert.Equal(1, p.Receive(bytes));
            Assert.Equal(10, p.Send(bytes));
            if (status != 0)
            {
                throw new ExitException(status);
            }
        });
        using var stream = server.Connect();
        stream.WriteByte(1);
        byte[] bytes = new byte[100];
        Assert.Equal(10, stream.ReadAtLeast(bytes, 100, throwOnEndOfStream: false));
        Assert.Equal(0, stream.Read(bytes));
        server.Finish(status);
        var e = Assert.Throws<IOException>(() => stream.Write(bytes));
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(e.InnerException).SocketErrorCode);
    }

    [Fact]
    public async Task A_read_ends_with_its_time_or_token_and_the_next_one_goes_on()
    {
        using var server = new ConnectedProcess(p => p.Exchange(2));
        using var stream = server.Connect();
        byte[] bytes = new byte[2];
        stream.ReadTimeout = 1;
        var e = Assert.Throws<IOException>(() => stream.Read(bytes));
        Assert.Equal(SocketError.TimedOut, Assert.IsType<SocketException>(e.InnerException).SocketErrorCode);
        using var cancel = new CancellationTokenSource(1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadAsync(bytes, cancel.Token).AsTask()); // its time may be over before it is asked
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stream.ReadAsync(bytes, cancel.Token).AsTask());
        stream.ReadTimeout = -1;
        stream.WriteByte(ConnectedProcess.Byte(0));
        Assert.Equal(1, stream.Read(bytes));
        await stream.WriteAsync(new[] { ConnectedProcess.Byte(1) });
        Assert.Equal(1, await stream.ReadAsync(bytes));
        server.Finish();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Disposing_ends_waits_of_other_threads(bool asynchronous)
    {
        bool mayRead = false;
        using var server = new ConnectedProcess(p =>
        {
            while (!Volatile.Read(ref mayRead))
            {
                p.Process.Sleep(1_000_000); // reads nothing: the writer waits for room
            }

            byte[] bytes = new byte[1000];
            while (p.Receive(bytes) > 0)
            {
            }
        });
        var stream = server.Connect();
        byte[] much = new byte[1_000_000];
        var reading = Task.Run(async () => asynchronous ? await stream.ReadAsync(new byte[1]) : stream.Read(new byte[1]));
        var writing = Task.Run(async () =>
        {
            if (asynchronous)
            {
                await stream.WriteAsync(much);
            }
            else
            {
                stream.Write(much);
            }
        });
        await Task.Delay(20); // whether they sleep already or not, the outcome is the same
        await stream.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => reading);
        await Assert.ThrowsAsync<IOException>(() => writing);
        Volatile.Write(ref mayRead, true);
        server.Finish();
    }

    [Fact]
    public void A_process_that_waits_for_room_is_woken_by_room_and_by_signals()
    {
        int full = 0, woken = 0;
        using var server = new ConnectedProcess(p =>
        {
            byte[] bytes = new byte[1000];
            Assert.Equal(1, p.Receive(bytes)); // from here on it is moved
            int sent = 0;
            for (int n; (n = p.Send(bytes)) > 0;)
            {
                sent += n;
            }

            Volatile.Write(ref full, sent);
            while (!p.Process.HasPendingSignals)
            {
                Assert.Equal(0, p.Poll(PollEvents.Out));
                p.Block(PollEvents.Out);
            }

            p.Process.DeliverSignals();
            Volatile.Write(ref woken, 1);
            while (p.Poll(PollEvents.Out) == 0)
            {
                p.Block(PollEvents.Out);
            }

            Assert.Equal(PollEvents.Out, p.Poll(PollEvents.Out));
            Assert.Equal(1, p.Send(bytes.AsSpan(0, 1)));
        });
        using var stream = server.Connect();
        stream.Write(new byte[1]);
        Eventually.Holds(() => Volatile.Read(ref full) > 0 || server.Process.HasExited);
        server.Process.Post(Signal.User1);
        Eventually.Holds(() => Volatile.Read(ref woken) > 0 || server.Process.HasExited);
        byte[] all = new byte[full + 2];
        Assert.Equal(full + 1, stream.ReadAtLeast(all, full + 2, throwOnEndOfStream: false));
        server.Finish();
    }

    [Fact]
    public void A_peek_leaves_what_it_shows()
    {
        using var server = new ConnectedProcess(p =>
        {
            byte[] bytes = new byte[3];
            p.Block(PollEvents.In);
            Assert.Equal(3, p.TryReceive(bytes, peek: true));
            Assert.Equal(3, p.TryReceive(bytes));
            Assert.Equal(Eagain, p.TryReceive(bytes));
            Assert.Equal(3, p.Send(bytes));
        });
        using var stream = server.Connect();
        stream.Write([1, 2, 3]);
        byte[] back = new byte[3];
        stream.ReadExactly(back);
        Assert.Equal([1, 2, 3], back);
        server.Finish();
    }

    [Fact]
    public void What_cannot_be_moved_stays_as_it_is()
    {
        using var server = new ConnectedProcess(p => p.Exchange(1));
        var socket = server.Client.GetStream();
        Assert.Null(server.Kernel.ConnectInMemory(4711, socket));
        using var stream = server.Connect();
        Assert.Null(server.Kernel.ConnectInMemory(server.Process.Pid, socket));
        stream.WriteByte(ConnectedProcess.Byte(0));
        Assert.Equal(ConnectedProcess.Byte(0), stream.ReadByte());
        server.Finish();
        Assert.Null(server.Kernel.ConnectInMemory(server.Process.Pid, socket));
    }
}
