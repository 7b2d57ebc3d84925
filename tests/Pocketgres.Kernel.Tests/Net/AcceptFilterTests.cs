using System.Net;
using System.Net.Sockets;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>Connections that a listening process does not see until their first request is there: a line, here.</summary>
[Collection("Whole process")]
public sealed unsafe class AcceptFilterTests
{
    private const int Eagain = -(int)Errno.EAGAIN;

    [Fact]
    public void Only_connections_with_a_whole_request_are_accepted()
    {
        using var kernel = Filtering(TimeSpan.FromMinutes(1));
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            using var silent = new TcpClient("127.0.0.1", port);
            using var slow = new TcpClient("127.0.0.1", port);
            using var polite = new TcpClient("127.0.0.1", port);
            Assert.Equal([(short)0], calls.Poll(50, (listener, PollEvents.In)));
            Assert.Equal(Eagain, calls.AcceptNow(listener, out _));

            slow.Client.Send("hel"u8);
            polite.Client.Send("?"u8); // is answered, and may go on
            Assert.Equal([(short)0], calls.Poll(50, (listener, PollEvents.In)));
            Assert.Equal('!', polite.GetStream().ReadByte());
            slow.Client.Send("lo\n"u8);
            int fd = calls.Accept(listener, out byte[] address);
            Assert.Equal(((IPEndPoint)slow.Client.LocalEndPoint!).Port, (address[2] << 8) | address[3]);
            Assert.Equal(6, calls.Receive(fd, 100, out byte[] line)); // nothing is taken from it
            Assert.Equal("hello\n"u8.ToArray(), line);

            // Several at once, each reported; and one that ends in the middle, which is the program's to see.
            polite.Client.Send("x\n"u8);
            using var quick = new TcpClient("127.0.0.1", port);
            quick.Client.Send("y\n"u8);
            using var cut = new TcpClient("127.0.0.1", port);
            cut.Client.Send("z"u8);
            cut.Client.Shutdown(SocketShutdown.Send);
            var first = new List<byte>();
            var states = new List<int>();
            for (int i = 0; i < 3; i++)
            {
                int accepted = calls.Accept(listener, out _);
                Assert.True(calls.Receive(accepted, 1, out byte[] one) == 1);
                first.AddRange(one);
                Assert.True(p.Files.TryGet(accepted, out var file));
                states.Add(((SocketFile)file).AcceptState);
            }

            Assert.Equal([0, 0, 1], states.Order()); // what the filter has noted of who was answered

            Assert.Equal("xyz"u8.ToArray(), first.Order());
            Assert.Equal(Eagain, calls.AcceptNow(listener, out _));
            calls.Close(listener);
            Assert.Equal(0, silent.GetStream().Read(new byte[1])); // closed with it
        });
    }

    [Fact]
    public void Who_waits_too_long_is_closed_though_nothing_else_happens()
    {
        using var kernel = Filtering(TimeSpan.FromMilliseconds(200));
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            using var silent = new TcpClient("127.0.0.1", port);
            var end = Task.Run(() => silent.GetStream().Read(new byte[1]));
            while (!end.IsCompleted)
            {
                Assert.Equal([(short)0], calls.Poll(100, (listener, PollEvents.In)));
            }

            Assert.Equal(0, end.Result);
        });
    }

    [Fact]
    public void The_oldest_of_too_many_is_closed_and_no_descriptor_stays()
    {
        int before = HostResources.Descriptors("eventpoll");
        using (var kernel = Filtering(TimeSpan.FromMinutes(1)))
        {
            kernel.Run(p =>
            {
                var calls = new Calls(p);
                int listener = calls.Listen("127.0.0.1", 0, out int port, backlog: 64);
                var clients = new List<TcpClient>();
                for (int i = 0; i < WaitingConnections.MaximumWaiting + 10; i++)
                {
                    clients.Add(new TcpClient("127.0.0.1", port));
                    Assert.Equal(Eagain, calls.AcceptNow(listener, out _));
                }

                Assert.All(clients[..10], c => Assert.Equal(0, c.GetStream().Read(new byte[1])));
                clients[10].Client.Send("here\n"u8);
                Assert.True(calls.Accept(listener, out _) >= 0);
                clients.ForEach(c => c.Dispose());
            });
        }

        Assert.Equal(before, HostResources.Descriptors("eventpoll"));
    }

    [Fact]
    public void An_address_with_many_connections_pushes_no_other_out()
    {
        using var kernel = Filtering(TimeSpan.FromMinutes(1));
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port, backlog: 64);
            var clients = new List<TcpClient>();
            TcpClient Connect(string from)
            {
                var client = new TcpClient(new IPEndPoint(IPAddress.Parse(from), 0));
                client.Connect("127.0.0.1", port);
                clients.Add(client);
                Assert.Equal(Eagain, calls.AcceptNow(listener, out _));
                return client;
            }

            var oldest = Connect("127.0.0.2"); // the first to go, if age alone counted
            var many = Enumerable.Range(0, WaitingConnections.MaximumWaiting + 9).Select(_ => Connect("127.0.0.3")).ToList();
            var youngest = Connect("127.0.0.2");
            Assert.All(many[..11], c => Assert.Equal(0, c.GetStream().Read(new byte[1])));
            foreach (var client in new[] { oldest, many[11], youngest })
            {
                client.Client.Send("here\n"u8);
                Assert.True(calls.Accept(listener, out _) >= 0);
            }

            clients.ForEach(c => c.Dispose());
        });
    }

    [Fact]
    public void Who_is_answered_may_be_accepted_at_once_and_goes_on_as_the_filter_allows()
    {
        var filter = new Lines(TimeSpan.FromMinutes(1));
        using var kernel = new TestKernel(options: new KernelOptions { StackSize = 1 << 20, AcceptFilter = filter });
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            foreach (bool isGood in (bool[])[true, false])
            {
                using var client = new TcpClient("127.0.0.1", port);
                client.Client.Send("&"u8);
                int fd = calls.Accept(listener, out _);
                Assert.Equal('!', client.GetStream().ReadByte());
                Assert.Equal(Eagain, calls.Receive(fd, 100, out _)); // what was answered is taken
                client.Client.Send(isGood ? "go on"u8 : "?"u8);
                Assert.Equal(isGood ? 5 : 0, calls.ReceiveWaiting(fd, 100, out _));
                client.Client.Send("?"u8); // the first byte decides, for good
                Assert.Equal(isGood ? 1 : 0, calls.ReceiveWaiting(fd, 100, out _));
                Assert.Equal(isGood ? 0 : 1, filter.EndedWhileAnswered); // the first one's
                calls.Close(fd);
                Assert.Equal(isGood ? 1 : 2, filter.EndedWhileAnswered);
            }

            calls.Close(listener);
        });
    }

    [Fact]
    public void A_connection_that_the_host_hands_over_brings_what_it_has_read_and_keeps()
    {
        const int Port = 5432; // of the queue; nobody listens there
        using var queue = new ConnectionQueue(IPAddress.Loopback, Port);
        using var host = new TcpListener(IPAddress.Loopback, 0);
        host.Start();
        using var kernel = Filtering(TimeSpan.FromMinutes(1));
        kernel.Kernel.InheritedSockets.Add(queue);
        using TcpClient first = Hand(out var taken), second = Hand(out var left), third = Hand(out var waiting);
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.CreateBound("127.0.0.1", Port);
            Assert.Equal(0, calls.Listen(listener));
            first.Client.Send("more"u8);
            int fd = calls.Accept(listener, out byte[] address);
            Assert.Equal(((IPEndPoint)first.Client.LocalEndPoint!).Port, (address[2] << 8) | address[3]);
            Assert.Equal(4, calls.Receive(fd, 100, out byte[] bytes)); // the filter is not asked
            Assert.Equal("read"u8.ToArray(), bytes);
            Assert.Equal(4, calls.ReceiveWaiting(fd, 100, out bytes));
            Assert.Equal("more"u8.ToArray(), bytes);
            Assert.True(p.Files.TryGet(fd, out var file));
            var handover = ((SocketFile)file).Handover!;
            Assert.Same(taken, handover.TakeSession());
            Assert.Null(handover.TakeSession());
            Assert.Equal(0, calls.Close(fd));
            Assert.Equal(0, first.GetStream().Read(new byte[1]));
            Assert.Equal(0, taken.Disposed);

            Assert.Equal(0, calls.Close(calls.Accept(listener, out _)));
            Assert.Equal((1, 0), (left.Disposed, waiting.Disposed));
            Assert.Equal([PollEvents.In], calls.Poll(-1, (listener, PollEvents.In)));
            Assert.Equal(0, calls.Close(listener)); // that one is ready, but nobody takes it
            queue.Dispose();
        });
        Assert.Equal((0, 1, 1), (taken.Disposed, left.Disposed, waiting.Disposed));
        using var late = Hand(out var refused);
        Assert.Equal(0, refused.Disposed); // stays the caller's

        TcpClient Hand(out Kept session)
        {
            var client = new TcpClient();
            client.Connect((IPEndPoint)host.LocalEndpoint);
            using var accepted = host.AcceptSocket();
            session = new Kept();
            int descriptor = HostDescriptor.Duplicate(accepted.SafeHandle);
            if (!queue.Hand(descriptor, new Handover([.. "read"u8], session)))
            {
                HostDescriptor.Close(descriptor);
            }

            return client;
        }
    }

    private sealed class Kept : IDisposable
    {
        public int Disposed { get; private set; }

        public void Dispose() => Disposed++;
    }

    private static TestKernel Filtering(TimeSpan patience) => new(options: new KernelOptions { StackSize = 1 << 20, AcceptFilter = new Lines(patience) });

    private sealed class Lines(TimeSpan patience) : AcceptFilter
    {
        public override int MaximumRequest => 100;

        public override TimeSpan PatienceOf(Process process) => patience;

        public int EndedWhileAnswered { get; private set; }

        public override bool MayGoOn(int state, byte first) => first != '?';

        public override void Ended(int state) => EndedWhileAnswered += state == 9 ? 1 : 0;

        public override AcceptVerdict Judge(Process process, ReadOnlySpan<byte> address, ReadOnlySpan<byte> received, ref int state, out byte answer)
        {
            answer = (byte)'!';
            if (received[0] == '&')
            {
                state = 9;
                return AcceptVerdict.AnswerAndAccept;
            }

            return received[0] == '?' ? state++ == 0 ? AcceptVerdict.Answer : AcceptVerdict.Close
                : received.Contains((byte)'\n') ? AcceptVerdict.Accept : AcceptVerdict.Wait;
        }
    }
}
