using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>Stream sockets between processes, and between a process and the host.</summary>
public sealed unsafe class SocketTests
{
    private const int Eagain = -(int)Errno.EAGAIN;

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("unix")]
    public void A_connection_carries_bytes_both_ways_and_ends(string where)
    {
        if (where == "::1" && !System.Net.Sockets.Socket.OSSupportsIPv6)
        {
            return;
        }

        using var directory = new SocketDirectory();
        string address = where == "unix" ? directory.Path("s") : where;
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen(address, 0, out int port);
            var child = p.Fork("client", new GuestState(), c =>
            {
                var client = new Calls(c);
                int fd = client.Socket(where == "unix" ? 1 : where == "::1" ? 10 : 2);
                Assert.Equal(0, client.Connect(fd, address, port));
                Assert.Equal(5, client.Send(fd, "hello"u8));
                Assert.Equal(3, client.ReceiveWaiting(fd, 100, out byte[] answer));
                Assert.Equal("you"u8.ToArray(), answer);
                Assert.Equal(0, client.Close(fd));
            });
            Assert.Equal(Eagain, calls.AcceptNow(listener, out _));
            int connection = calls.Accept(listener, out byte[] peer);
            Assert.True(connection > listener);
            Assert.Equal(where == "unix" ? 1 : where == "::1" ? 10 : 2, BitConverter.ToUInt16(peer));
            Assert.Equal(5, calls.ReceiveWaiting(connection, 100, out byte[] question));
            Assert.Equal("hello"u8.ToArray(), question);
            Assert.Equal(Eagain, calls.Receive(connection, 100, out _)); // nothing yet is not the end
            Assert.Equal(3, calls.Send(connection, "you"u8));
            Assert.Equal(0, calls.ReceiveWaiting(connection, 100, out _)); // the end
            Assert.Equal(0, calls.Receive(connection, 100, out _)); // stays the end
            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
        });
    }

    [Fact]
    public void Peeked_bytes_stay()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (a, b) = Pair(calls);
            Assert.Equal(3, calls.Send(a, "abc"u8));
            calls.Poll(-1, (b, PollEvents.In));
            Assert.Equal(2, calls.Receive(b, 2, out byte[] peeked, peek: true));
            Assert.Equal("ab"u8.ToArray(), peeked);
            Assert.Equal(3, calls.Receive(b, 10, out byte[] all));
            Assert.Equal("abc"u8.ToArray(), all);
        });
    }

    [Fact]
    public void Errors_are_posix()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            Assert.Equal(-(int)Errno.EADDRINUSE, calls.CreateBound("127.0.0.1", port));
            int second = calls.Socket();
            Assert.Equal(-(int)Errno.EADDRINUSE, calls.Bind(second, "127.0.0.1", port));
            Assert.Equal(-(int)Errno.EADDRNOTAVAIL, calls.Bind(second, "192.0.2.1", 0));
            Assert.Equal(-(int)Errno.ENOTCONN, calls.Receive(second, 1, out _));
            calls.Close(listener);
            Assert.Equal(-(int)Errno.ECONNREFUSED, calls.Connect(second, "127.0.0.1", port));
            Assert.Equal(-(int)Errno.EAFNOSUPPORT, calls.Socket(domain: 77));

            int file = calls.Create("/file", "x"u8);
            foreach (int fd in new[] { file, 99 })
            {
                int error = fd == 99 ? -(int)Errno.EBADF : -(int)Errno.ENOTSOCK;
                Assert.Equal(error, calls.Bind(fd, "127.0.0.1", 0));
                Assert.Equal(error, calls.Listen(fd));
                Assert.Equal(error, calls.Connect(fd, "127.0.0.1", port));
                Assert.Equal(error, calls.AcceptNow(fd, out _));
                Assert.Equal(error, calls.Send(fd, "x"u8));
                Assert.Equal(error, calls.Receive(fd, 1, out _));
            }
        });
    }

    [Fact]
    public void A_reset_connection_is_an_error_and_no_signal()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (a, b) = Pair(calls);
            Assert.Equal(3, calls.Send(a, "abc"u8));
            calls.Poll(-1, (b, PollEvents.In));
            calls.Close(b); // with unread data: TCP resets
            calls.Poll(-1, (a, PollEvents.In));
            Assert.Equal(-(int)Errno.ECONNRESET, calls.Receive(a, 10, out _));
            Assert.Equal(-(int)Errno.EPIPE, calls.Send(a, "x"u8));
        }, (_, signal) => Assert.Fail($"signal {signal}"));
    }

    [Fact]
    public void A_socket_waits_unless_it_is_non_blocking()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            var child = p.Fork("client", new GuestState(), c =>
            {
                var client = new Calls(c);
                int fd = client.Socket();
                Assert.Equal(0, client.Connect(fd, "127.0.0.1", port));
                Assert.Equal(3, client.Receive(fd, 16, out _)); // which is sent later

                int other = client.Socket(type: 1 | (int)OpenFlags.NonBlocking);
                Assert.Contains(client.Connect(other, "127.0.0.1", port), (int[])[0, -(int)Errno.EINPROGRESS]);
                Assert.Equal(PollEvents.Out, client.Poll(-1, (other, PollEvents.Out))[0]);
                Assert.Equal(Eagain, client.Receive(other, 16, out _));
            });
            int connection = calls.Accept(listener, out _);
            p.Sleep(5_000_000);
            Assert.Equal(3, calls.Send(connection, "abc"u8));
            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
        });
    }

    [Fact]
    public void Big_transfers_survive_partial_sends()
    {
        const int total = 24 << 20, piece = 256 << 10;
        using var kernel = new TestKernel();
        byte[] content = RandomNumberGenerator.GetBytes(piece);
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            var child = p.Fork("sender", new GuestState(), c =>
            {
                var sender = new Calls(c);
                int fd = sender.Socket();
                Assert.Equal(0, sender.Connect(fd, "127.0.0.1", port));
                Assert.Equal(0, sender.SetFlags(fd, OpenFlags.NonBlocking));
                int partial = 0, full = 0;
                for (int sent = 0; sent < total;)
                {
                    int at = sent % piece;
                    int n = sender.Send(fd, content.AsSpan(at, Math.Min(piece - at, total - sent)));
                    if (n == Eagain)
                    {
                        full++;
                        Assert.Equal(PollEvents.Out, sender.Poll(-1, (fd, PollEvents.Out))[0]);
                        continue;
                    }

                    Assert.True(n > 0, $"send: {n}");
                    partial += n < Math.Min(piece - at, total - sent) ? 1 : 0;
                    sent += n;
                }

                Assert.True(partial > 0 && full > 0, $"{partial} partial sends, {full} times full");
            });
            int connection = calls.Accept(listener, out _);
            int received = 0;
            for (int n; (n = calls.ReceiveWaiting(connection, piece, out byte[] bytes)) != 0;)
            {
                Assert.True(n > 0, $"recv: {n}");
                for (int i = 0; i < n;)
                {
                    int at = (received + i) % piece, length = Math.Min(piece - at, n - i);
                    Assert.True(bytes.AsSpan(i, length).SequenceEqual(content.AsSpan(at, length)), $"at byte {received + i}");
                    i += length;
                }

                received += n;
            }

            Assert.Equal(total, received);
            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
        });
    }

    [Fact]
    public void The_peer_sees_the_end_when_the_last_descriptor_of_the_last_process_is_closed()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (a, b) = Pair(calls);
            int copy = p.Files.Duplicate(a);
            var (go, ready) = calls.Pipe();
            var child = p.Fork("holder", new GuestState(), c =>
            {
                c.Files.Close(b); // only ends inherited here keep it open
                c.Files.Close(ready);
                new Calls(c).Read(go, 1, out _); // until the parent closes its end
            });
            p.Files.Close(a);
            Assert.Equal(Eagain, calls.Receive(b, 1, out _));
            p.Files.Close(copy);
            Assert.Equal(Eagain, calls.Receive(b, 1, out _)); // the child holds both
            p.Files.Close(ready);
            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
            Assert.Equal(0, calls.Receive(b, 1, out _));
        });
    }

    [Fact]
    public void A_forked_child_serves_the_connection_its_parent_accepted()
    {
        const int clients = 20;
        using var kernel = new TestKernel();
        int chosen = 0;
        var server = kernel.Start(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            Volatile.Write(ref chosen, port);
            for (int i = 0; i < clients; i++)
            {
                int connection = calls.Accept(listener, out _);
                p.Fork("backend", new GuestState(), c =>
                {
                    var backend = new Calls(c);
                    backend.Close(listener);
                    int n = backend.ReceiveWaiting(connection, 100, out byte[] bytes);
                    Assert.Equal(n, backend.Send(connection, [.. bytes.Reverse()]));
                });
                calls.Close(connection);
            }

            while (p.Kernel.Processes.TryWait(p, -1, out int status) is var pid && pid != -(int)Errno.ECHILD)
            {
                Assert.Equal(0, status);
                if (pid == 0)
                {
                    p.Pause();
                    p.DeliverSignals();
                }
            }
        });
        Eventually.Holds(() => Volatile.Read(ref chosen) != 0 || server.HasExited);
        Parallel.For(0, clients, i =>
        {
            using var client = new TcpClient("127.0.0.1", chosen);
            var stream = client.GetStream();
            stream.ReadTimeout = (int)TestKernel.Patience.TotalMilliseconds;
            string question = $"question {i}";
            stream.Write(Encoding.ASCII.GetBytes(question));
            using var reader = new StreamReader(stream);
            Assert.Equal(new string([.. question.Reverse()]), reader.ReadToEnd()); // ends: parent and child closed
        });
        Assert.Equal(0, kernel.Finish(server));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_socket_the_host_bound_is_taken_over_by_address(bool createBound)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        using var kernel = new TestKernel();
        kernel.Kernel.InheritedSockets.Add(socket);
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int other = calls.CreateBound("127.0.0.2", port);
            Assert.True(other >= 0); // another address: a socket of its own
            int listener = createBound ? calls.CreateBound("127.0.0.1", port) : calls.Socket();
            if (!createBound)
            {
                Assert.Equal(0, calls.Bind(listener, "127.0.0.1", port));
            }

            Assert.Equal(0, calls.Listen(listener));
            Assert.Equal(Eagain, calls.AcceptNow(listener, out _)); // non-blocking, though the host's was not
            int client = calls.Socket();
            Assert.Equal(0, calls.Connect(client, "127.0.0.1", port));
            int connection = calls.Accept(listener, out _);
            Assert.Equal(1, calls.Send(connection, "x"u8));
            Assert.Equal(1, calls.ReceiveWaiting(client, 10, out _));
        });
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("0.0.0.0")]
    public void A_listener_of_the_host_is_taken_over_by_address(string address)
    {
        using var listener = HostListener.Open(IPAddress.Parse(address), 0);
        Assert.InRange(listener.Port, 1, 65535);
        var busy = Assert.Throws<Win32Exception>(() => HostListener.Open(IPAddress.Parse(address), listener.Port));
        Assert.Equal(98, busy.NativeErrorCode); // EADDRINUSE
        using var kernel = new TestKernel();
        kernel.Kernel.InheritedSockets.Add(listener);
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int descriptor = calls.CreateBound(address, listener.Port);
            Assert.True(descriptor >= 0);
            Assert.Equal(0, calls.Listen(descriptor));
            using var client = new TcpClient(address.Contains(':', StringComparison.Ordinal) ? "::1" : "127.0.0.1", listener.Port);
            Assert.True(calls.Accept(descriptor, out _) >= 0);
        });
    }

    [Fact]
    public void An_address_of_another_machine_cannot_be_listened_on() =>
        Assert.Equal(99, Assert.Throws<Win32Exception>(() => HostListener.Open(IPAddress.Parse("192.0.2.1"), 0)).NativeErrorCode); // EADDRNOTAVAIL

    [Fact]
    public void The_host_reads_and_writes_a_socket_of_the_kernel_blocking()
    {
        using var kernel = new TestKernel();
        OpenPair? pair = null;
        var p = kernel.Start(p =>
        {
            var calls = new Calls(p);
            var (a, b) = Pair(calls);
            Assert.True(p.Files.TryGet(b, out var file));
            Volatile.Write(ref pair, new OpenPair(file.AddReference()));
            int n = calls.ReceiveWaiting(a, 100, out byte[] bytes);
            Assert.Equal("from the host"u8.ToArray(), bytes);
            Assert.Equal(n, calls.Send(a, bytes));
            calls.Close(a);
            calls.Close(b);
        });
        Eventually.Holds(() => Volatile.Read(ref pair) != null || p.HasExited);
        byte[] text = "from the host"u8.ToArray();
        fixed (byte* bytes = text)
        {
            Assert.True(HostPoll.WriteAll(pair!.File, bytes, text.Length));
            byte* buffer = stackalloc byte[100];
            Assert.Equal(text.Length, HostPoll.Read(pair.File, buffer, 100));
            Assert.Equal(0, HostPoll.Read(pair.File, buffer, 100));
        }

        kernel.Finish(p);
        kernel.Kernel.RunLocked(() =>
        {
            pair.File.Release();
            return 0;
        });
    }

    private sealed record OpenPair(Kernel.Files.OpenFile File);

    /// <summary>Two connected sockets of one process.</summary>
    private static (int A, int B) Pair(Calls calls)
    {
        int listener = calls.Listen("127.0.0.1", 0, out int port);
        int a = calls.Socket();
        Assert.Equal(0, calls.Connect(a, "127.0.0.1", port));
        int b = calls.Accept(listener, out _);
        calls.Close(listener);
        return (a, b);
    }

    /// <summary>A directory with a short path: a Unix socket's address holds 107 bytes.</summary>
    private sealed class SocketDirectory : IDisposable
    {
        private readonly string _path = Directory.CreateTempSubdirectory("pgs").FullName;

        public string Path(string name) => System.IO.Path.Combine(_path, name);

        public void Dispose() => Directory.Delete(_path, recursive: true);
    }
}
