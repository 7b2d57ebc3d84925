using System.Diagnostics;
using System.Net.Sockets;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Scheduling;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>
/// <see cref="Process.Send"/>: while others wait for the lock, small output is kept and sent without it, or another thread sends it. A client must not be able to
/// tell: everything arrives, in order, soon, whatever the process does next.
/// </summary>
public sealed unsafe class OutputTests
{
    private const int Eagain = -(int)Errno.EAGAIN;

    public enum Company
    {
        Nobody,
        OthersWait,
        Sender,
        SenderComesAndGoes,
    }

    [Theory]
    [InlineData(Company.Nobody)]
    [InlineData(Company.OthersWait)]
    [InlineData(Company.Sender)]
    public void It_arrives_though_the_process_goes_on_computing(Company company)
    {
        using var server = new Server(company, (p, socket) =>
        {
            int received = 0;
            byte* text = stackalloc byte[5];
            "hello"u8.CopyTo(new Span<byte>(text, 5));
            Assert.Equal(5, p.Send(socket, text, 5));
            while (received == 0 && !p.HasPendingSignals)
            {
                if (company == Company.OthersWait)
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
    [InlineData(Company.OthersWait, "exits")]
    [InlineData(Company.OthersWait, "is killed")]
    [InlineData(Company.Sender, "exits")]
    [InlineData(Company.Sender, "is killed")]
    [InlineData(Company.SenderComesAndGoes, "exits")]
    public void All_of_it_arrives_in_order_before_the_end(Company company, string end)
    {
        const int messages = 3000;
        long total = 0;
        using var server = new Server(company, (p, socket) =>
        {
            var random = new Random(11);
            byte* buffer = stackalloc byte[40_000];
            PollEntry* entries = stackalloc PollEntry[2];
            for (int i = 0; i < messages; i++)
            {
                int length = 1 + (i % 50 == 0 ? random.Next(40_000) : random.Next(200));
                for (int k = 0; k < length; k++)
                {
                    buffer[k] = ConnectedProcess.Byte((int)total + k);
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
            Assert.True(all[i] == ConnectedProcess.Byte(i), $"byte {i}");
        }
    }

    [Theory]
    [InlineData(Company.OthersWait)]
    [InlineData(Company.Sender)]
    public void A_client_that_does_not_read_gets_it_when_it_does_and_holds_up_no_timed_wait(Company company)
    {
        long accepted = 0;
        bool waiting = false;
        using var server = new Server(company, (p, socket) =>
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

    [Theory]
    [InlineData(Company.OthersWait)]
    [InlineData(Company.Sender)]
    public void An_error_is_reported_by_a_later_send(Company company)
    {
        using var server = new Server(company, (p, socket) =>
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

    [Theory]
    [InlineData(Company.Sender)]
    [InlineData(Company.SenderComesAndGoes)]
    public void What_is_sent_while_the_sender_sends_arrives_though_the_process_never_waits(Company company)
    {
        const int rounds = 6_000;
        using var server = new Server(company, (p, socket) =>
        {
            var end = new ProcessEnd(p, socket);
            byte[] answer = new byte[1];
            for (int i = 0; i < rounds; i++)
            {
                Assert.Equal(1, end.Send([(byte)i]));
                Thread.SpinWait(i % 700); // up to some 20 us: as long as the sender takes
                Assert.Equal(1, end.Send([(byte)(i + 1)]));
                int n;
                while ((n = end.TryReceive(answer)) == Eagain)
                {
                    Assert.False(p.HasPendingSignals);
                }

                Assert.Equal(1, n);
                Assert.Equal((byte)i, answer[0]);
            }
        });
        server.Client.NoDelay = true;
        for (int i = 0; i < rounds; i++)
        {
            Assert.Equal([(byte)i, (byte)(i + 1)], server.Read(2));
            server.Client.GetStream().WriteByte((byte)i);
        }

        server.Finish();
    }

    [Fact]
    public void What_the_client_does_not_take_while_the_process_sleeps_arrives_when_it_reads()
    {
        const int rounds = 20;
        int filled = -1;
        using var server = new Server(Company.Sender, (p, socket) =>
        {
            var end = new ProcessEnd(p, socket);
            byte[] bytes = new byte[100_000];
            for (int i = 0; i < rounds; i++)
            {
                int total = 0;
                fixed (byte* b = bytes)
                {
                    for (int n; (n = socket.Send(b, bytes.Length)) > 0;)
                    {
                        total += n;
                    }
                }

                Assert.Equal(8, end.Send(new byte[8])); // the sender finds that the socket is full
                Volatile.Write(ref filled, total + 8);
                Assert.Equal(1, end.Receive(bytes.AsSpan(0, 1)));
            }
        });
        for (int i = 0; i < rounds; i++)
        {
            Eventually.Holds(() => server.Process.HasExited || (Volatile.Read(ref filled) >= 0 && server.Process.State == ProcessState.Waiting));
            server.Read(Interlocked.Exchange(ref filled, -1));
            server.Client.GetStream().WriteByte(1);
        }

        server.Finish();
    }

    [Fact]
    public void Much_output_waits_for_the_sender_and_for_the_client()
    {
        const int total = 40_000_000;
        using var server = new Server(Company.Sender, (p, socket) =>
        {
            var end = new ProcessEnd(p, socket);
            byte[] chunk = new byte[8192];
            for (int sent = 0; sent < total;)
            {
                for (int k = 0; k < chunk.Length; k++)
                {
                    chunk[k] = ConnectedProcess.Byte(sent + k);
                }

                int n = end.Send(chunk.AsSpan(0, Math.Min(chunk.Length, total - sent)));
                if (n == Eagain)
                {
                    end.Block(PollEvents.Out);
                    continue;
                }

                Assert.True(n > 0, $"send: {n}");
                sent += n;
            }
        });
        var buffer = new byte[50_000];
        for (int received = 0; received < total;)
        {
            int n = server.Client.GetStream().Read(buffer);
            Assert.True(n > 0, $"the end after {received} bytes");
            for (int k = 0; k < n; k++)
            {
                Assert.True(buffer[k] == ConnectedProcess.Byte(received + k), $"byte {received + k}");
            }

            received += n;
        }

        server.Finish();
    }

    /// <summary>A process with a connection to this test, and if wanted one more that always waits for the lock, or a thread that sends.</summary>
    private sealed class Server : IDisposable
    {
        private readonly ConnectedProcess _process;
        private readonly Thread? _sender;
        private bool _end;
        private bool _sends;

        public Server(Company company, Action<Process, SocketFile> body)
        {
            bool othersWait = company == Company.OthersWait, sends = company is Company.Sender or Company.SenderComesAndGoes;
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

                while (sends && !Volatile.Read(ref _sends))
                {
                    Thread.SpinWait(10);
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
            if (sends)
            {
                _sender = new Thread(() => ControlSender(company == Company.SenderComesAndGoes));
                _sender.Start();
            }
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
            _sender?.Join();
            _process.Dispose();
        }

        // In the timer's place, which has no thread while nobody waits for the lock.
        private void ControlSender(bool comesAndGoes)
        {
            var sender = _process.Kernel.Scheduler.Sender;
            var cores = CpuSet.OfHostProcess();
            var random = new Random(3);
            sender.Start(cores, CorePacking.AnyCore);
            Volatile.Write(ref _sends, true);
            while (!Volatile.Read(ref _end))
            {
                Thread.SpinWait(random.Next(20_000));
                if (comesAndGoes)
                {
                    sender.Stop();
                    Thread.SpinWait(random.Next(2_000));
                    sender.Start(cores, CorePacking.AnyCore);
                }
            }

            sender.Stop();
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
