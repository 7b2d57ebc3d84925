using System.Diagnostics;
using System.Net.Sockets;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>
/// <see cref="Process.Send"/>: while others wait for the lock, small output is kept and sent without it. A client must not be able to
/// tell: everything arrives, in order, soon, whatever the process does next.
/// </summary>
public sealed unsafe class OutputTests
{
    private const int Eagain = -(int)Errno.EAGAIN;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_arrives_though_the_process_goes_on_computing(bool othersWait)
    {
        using var server = new Server(othersWait, (p, socket) =>
        {
            int received = 0;
            byte* text = stackalloc byte[5];
            "hello"u8.CopyTo(new Span<byte>(text, 5));
            Assert.Equal(5, p.Send(socket, text, 5));
            while (received == 0 && !p.HasPendingSignals)
            {
                if (othersWait)
                {
                    TestKernel.CheckInterrupts(p);
                }

                received = socket.Receive(text, 1) == 1 ? 1 : 0; // the client answers
            }

            Assert.Equal(1, received);
        });
        Assert.Equal("hello"u8.ToArray(), server.Read(5));
        server.Client.GetStream().WriteByte(1);
        server.Finish();
    }

    [Theory]
    [InlineData("exits")]
    [InlineData("is killed")]
    public void All_of_it_arrives_in_order_before_the_end(string end)
    {
        const int messages = 3000;
        long total = 0;
        using var server = new Server(othersWait: true, (p, socket) =>
        {
            var random = new Random(11);
            byte* buffer = stackalloc byte[40_000];
            PollEntry* entries = stackalloc PollEntry[2];
            for (int i = 0; i < messages; i++)
            {
                int length = 1 + (i % 50 == 0 ? random.Next(40_000) : random.Next(200));
                for (int k = 0; k < length; k++)
                {
                    buffer[k] = (byte)((total + k) * 31 >> 3);
                }

                for (int sent = 0; sent < length;)
                {
                    int n = p.Send(socket, buffer + sent, length - sent);
                    if (n == Eagain)
                    {
                        entries[0] = new PollEntry { Descriptor = socket.PollDescriptor, Events = PollEvents.Out };
                        p.Block(entries, 1, -1);
                        continue;
                    }

                    Assert.True(n > 0, $"send: {n}");
                    sent += n;
                }

                total += length;
                switch (random.Next(10))
                {
                    case 0:
                        p.Sleep(1000);
                        break;
                    case 1:
                        p.RunBlocking(() => 0);
                        break;
                    case 2:
                        p.SemaphorePost();
                        p.SemaphoreWait();
                        break;
                    case 3:
                        p.Yield();
                        break;
                    default:
                        TestKernel.CheckInterrupts(p);
                        break;
                }
            }

            if (end == "is killed")
            {
                throw new ExitException(Signal.Kill);
            }
        });
        byte[] all = server.ReadToEnd();
        server.Finish(end == "exits" ? 0 : Signal.Kill);
        Assert.Equal(total, all.Length);
        for (int i = 0; i < all.Length; i++)
        {
            Assert.True(all[i] == (byte)(i * 31L >> 3), $"byte {i}");
        }
    }

    [Fact]
    public void A_client_that_does_not_read_gets_it_when_it_does_and_holds_up_no_timed_wait()
    {
        long accepted = 0;
        bool waiting = false;
        using var server = new Server(othersWait: true, (p, socket) =>
        {
            byte* buffer = stackalloc byte[10_000];
            while (true)
            {
                int n = p.Send(socket, buffer, 10_000);
                if (n == Eagain)
                {
                    break;
                }

                Assert.True(n > 0, $"send: {n}");
                accepted += n;
                p.RunBlocking(() => 0); // gives it the chance to go out
            }

            long start = Stopwatch.GetTimestamp();
            Assert.True(p.Sleep(20_000_000));
            Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= 20);
            PollEntry* entries = stackalloc PollEntry[1];
            Assert.False(p.Block(entries, 0, 3_000_000));
            Volatile.Write(ref waiting, true);
            while (!p.HasPendingSignals)
            {
                p.Pause();
            }
        });
        Eventually.Holds(() => Volatile.Read(ref waiting) || server.Process.HasExited);
        Assert.Equal((int)accepted, server.Read((int)accepted).Length); // all that send(2) took, though the process only pauses
        server.Process.Post(Signal.User1);
        server.Finish();
        Assert.Empty(server.ReadToEnd());
    }

    [Fact]
    public void An_error_is_reported_by_a_later_send()
    {
        using var server = new Server(othersWait: true, (p, socket) =>
        {
            byte one = 1;
            int result;
            long start = Stopwatch.GetTimestamp();
            do
            {
                result = p.Send(socket, &one, 1);
                p.Sleep(100_000);
                Assert.True(Stopwatch.GetElapsedTime(start) < TestKernel.Patience, "no error");
            }
            while (result == 1);
            Assert.Contains((Errno)(-result), (Errno[])[Errno.ECONNRESET, Errno.EPIPE]);
        });
        server.Client.Client.LingerState = new LingerOption(true, 0); // close resets
        server.Client.Close();
        server.Finish();
    }

    /// <summary>A process with a connection to this test, and if wanted one more that always waits for the lock.</summary>
    private sealed class Server : IDisposable
    {
        private readonly ConnectedProcess _process;
        private bool _end;

        public Server(bool othersWait, Action<Process, SocketFile> body)
        {
            _process = new ConnectedProcess(end =>
            {
                var p = end.Process;
                if (othersWait)
                {
                    p.Fork("other", new GuestState { Handler = (_, _) => { } }, Compute);
                }

                while (othersWait && !p.OthersWait)
                {
                    Thread.SpinWait(10); // its thread starts
                }

                try
                {
                    body(p, end.Socket);
                }
                finally
                {
                    Volatile.Write(ref _end, true);
                }
            });
            Client.ReceiveTimeout = (int)TestKernel.Patience.TotalMilliseconds;
        }

        public Process Process => _process.Process;

        public TcpClient Client => _process.Client;

        public byte[] Read(int count)
        {
            byte[] bytes = new byte[count];
            Client.GetStream().ReadExactly(bytes);
            return bytes;
        }

        public byte[] ReadToEnd()
        {
            using var all = new MemoryStream();
            Client.GetStream().CopyTo(all);
            return all.ToArray();
        }

        public void Finish(int status = 0) => _process.Finish(status);

        public void Dispose()
        {
            Volatile.Write(ref _end, true);
            _process.Dispose();
        }

        private void Compute(Process p)
        {
            p.Files.CloseWhere((_, file) => file is SocketFile); // only the other one serves the client
            while (!Volatile.Read(ref _end))
            {
                TestKernel.CheckInterrupts(p);
            }
        }
    }
}
