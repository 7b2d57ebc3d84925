using System.Net.Sockets;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>A process with a connection to the test.</summary>
internal sealed class ConnectedProcess : IDisposable
{
    private readonly TestKernel _kernel = new();
    private bool _connected;

    /// <summary>Starts it and connects.</summary>
    /// <param name="body">What the process does with its end.</param>
    public ConnectedProcess(Action<ProcessEnd> body)
    {
        int chosen = 0;
        Process = _kernel.Start(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            Volatile.Write(ref chosen, port);
            int connection = calls.Accept(listener, out _);
            calls.Close(listener);
            Volatile.Write(ref _connected, true);
            Assert.True(p.Files.TryGet(connection, out var file));
            body(new ProcessEnd(p, (SocketFile)file));
        }, (_, _) => { });
        Eventually.Holds(() => Volatile.Read(ref chosen) != 0 || Process.HasExited, "the server listening");
        Client = new TcpClient("127.0.0.1", chosen);
    }

    public PosixKernel Kernel => _kernel.Kernel;

    public Process Process { get; }

    public TcpClient Client { get; }

    /// <summary>Byte number <paramref name="i"/> of a stream whose content both ends know.</summary>
    public static byte Byte(int i) => (byte)(i * 31L >> 3);

    /// <summary>Moves the connection into memory.</summary>
    public MemoryConnectionStream Connect()
    {
        Eventually.Holds(() => Volatile.Read(ref _connected) || Process.HasExited, "the connection");
        return Kernel.ConnectInMemory(Process.Pid, Client.GetStream()) ?? throw new InvalidOperationException("not moved");
    }

    public void Finish(int status = 0) => Assert.Equal(status, _kernel.Finish(Process));

    public void Dispose()
    {
        Client.Dispose();
        _kernel.Dispose();
    }
}

/// <summary>The process's end, for bodies of processes.</summary>
internal sealed unsafe class ProcessEnd(Process process, SocketFile socket)
{
    public Process Process => process;

    public SocketFile Socket => socket;

    public int Send(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* b = bytes)
        {
            return socket.Send(b, bytes.Length);
        }
    }

    public int TryReceive(Span<byte> buffer, bool peek = false)
    {
        fixed (byte* b = buffer)
        {
            return socket.Receive(b, buffer.Length, peek);
        }
    }

    /// <summary>Waits for something; 0 at the end of the stream.</summary>
    public int Receive(Span<byte> buffer)
    {
        int n;
        while ((n = TryReceive(buffer)) == -(int)Errno.EAGAIN)
        {
            Block(PollEvents.In);
        }

        return n;
    }

    /// <summary>Which of the events there are.</summary>
    public short Poll(short events)
    {
        var entry = new PollEntry { Descriptor = socket.PollDescriptor, Events = events };
        Assert.Equal(process.PollNow(&entry, 1), entry.Returned == 0 ? 0 : 1);
        return entry.Returned;
    }

    public void Block(short events)
    {
        var entries = stackalloc PollEntry[2];
        entries[0] = new PollEntry { Descriptor = socket.PollDescriptor, Events = events };
        process.Block(entries, 1, -1);
    }

    /// <summary>Receives so many bytes and sends as many at the same time, both of the known content.</summary>
    public void Exchange(int total)
    {
        byte[] buffer = new byte[20_000];
        int sent = 0, received = 0;
        while (sent < total)
        {
            int n = TryReceive(buffer);
            Assert.True(n is > 0 or -(int)Errno.EAGAIN, $"recv: {n}");
            for (int k = 0; k < n; k++)
            {
                Assert.True(buffer[k] == ConnectedProcess.Byte(received + k), $"byte {received + k}");
            }

            received += Math.Max(n, 0);
            int count = Math.Min(buffer.Length, received - sent);
            for (int k = 0; k < count; k++)
            {
                buffer[k] = ConnectedProcess.Byte(sent + k);
            }

            int m = count == 0 ? 0 : Send(buffer.AsSpan(0, count));
            Assert.True(m is >= 0 or -(int)Errno.EAGAIN, $"send: {m}");
            sent += Math.Max(m, 0);
            if (n <= 0 && m <= 0)
            {
                Block((short)((received < total ? PollEvents.In : 0) | (sent < received ? PollEvents.Out : 0)));
            }
        }
    }
}
