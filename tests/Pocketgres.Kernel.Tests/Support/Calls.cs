using System.Buffers.Binary;
using System.Net;
using System.Text;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Syscalls;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>
/// System calls as translated code makes them: arguments go through the process's linear memory, errors come back as negated errno.
/// </summary>
internal sealed unsafe class Calls(Process process)
{
    private const int Arguments = TestProgram.Scratch, Data = TestProgram.Scratch + 0x10000;
    private readonly byte* _m = process.Memory;

    public int Socket(int domain = 2, int type = 1) => Sockets.Socket(_m, domain, type, 0, 0, 0, 0);

    public int Bind(int fd, string address, int port) => Sockets.Bind(_m, fd, Arguments, Address(address, port), 0, 0, 0);

    public int CreateBound(string address, int port)
    {
        int length = Address(address, port);
        return Sockets.CreateBound(process, _m + Arguments, length);
    }

    public int Listen(int fd, int backlog = 16) => Sockets.Listen(_m, fd, backlog, 0, 0, 0, 0);

    /// <summary>A listening socket; port 0 lets the host choose.</summary>
    public int Listen(string address, int port, out int chosen, int backlog = 16)
    {
        int fd = CreateBound(address, port);
        Assert.True(fd >= 0, $"bind: {fd}");
        Assert.Equal(0, Listen(fd, backlog));
        chosen = address.StartsWith('/') ? 0 : Port(fd);
        return fd;
    }

    /// <summary>fcntl with F_SETFL.</summary>
    public int SetFlags(int fd, OpenFlags flags)
    {
        *(int*)(_m + Arguments) = (int)flags;
        return DescriptorCalls.Control(_m, fd, 4, Arguments);
    }

    public int Connect(int fd, string address, int port = 0) => Sockets.Connect(_m, fd, Arguments, Address(address, port), 0, 0, 0);

    /// <summary>accept, waiting with poll for a connection.</summary>
    public int Accept(int listener, out byte[] address)
    {
        Assert.Equal(PollEvents.In, Poll(-1, (listener, PollEvents.In))[0]);
        return AcceptNow(listener, out address);
    }

    public int AcceptNow(int listener, out byte[] address)
    {
        *(int*)(_m + Arguments) = 128;
        new Span<byte>(_m + Arguments + 8, 136).Fill(0xEE);
        int fd = Sockets.Accept(_m, listener, Arguments + 8, Arguments, 0, 0, 0);
        address = fd < 0 ? [] : new Span<byte>(_m + Arguments + 8, *(int*)(_m + Arguments)).ToArray();
        return fd;
    }

    public int Send(int fd, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>(_m + Data, bytes.Length));
        return Sockets.SendTo(_m, fd, Data, bytes.Length, 0, 0, 0);
    }

    public int Receive(int fd, int count, out byte[] bytes, bool peek = false)
    {
        int n = Sockets.ReceiveFrom(_m, fd, Data, count, peek ? 2 : 0, 0, 0);
        bytes = new Span<byte>(_m + Data, Math.Max(n, 0)).ToArray();
        return n;
    }

    /// <summary>recv after poll says there is something.</summary>
    public int ReceiveWaiting(int fd, int count, out byte[] bytes)
    {
        Poll(-1, (fd, PollEvents.In));
        return Receive(fd, count, out bytes);
    }

    public int Close(int fd) => -FileCalls.Close(_m, fd);

    public int Read(int fd, int count, out byte[] bytes)
    {
        Vector(count);
        int error = TransferCalls.Read(_m, fd, Arguments, 1, Arguments + 8);
        int n = error != 0 ? -error : *(int*)(_m + Arguments + 8);
        bytes = new Span<byte>(_m + Data, Math.Max(n, 0)).ToArray();
        return n;
    }

    public int Write(int fd, ReadOnlySpan<byte> bytes)
    {
        Vector(bytes.Length);
        bytes.CopyTo(new Span<byte>(_m + Data, bytes.Length));
        int error = TransferCalls.Write(_m, fd, Arguments, 1, Arguments + 8);
        return error != 0 ? -error : *(int*)(_m + Arguments + 8);
    }

    public (int Read, int Write) Pipe(OpenFlags flags = 0)
    {
        Assert.Equal(0, DescriptorCalls.CreatePipe(_m, Arguments, (int)flags));
        return (*(int*)(_m + Arguments), *(int*)(_m + Arguments + 4));
    }

    public int Create(string path, ReadOnlySpan<byte> content)
    {
        int fd = Open(path, OpenFlags.ReadWrite | OpenFlags.Create);
        Assert.True(fd >= 0, $"open {path}: {fd}");
        Assert.Equal(content.Length, Write(fd, content));
        return fd;
    }

    public int Open(string path, OpenFlags flags)
    {
        *(int*)(_m + Arguments) = 0x1A4;
        Text(path, Arguments + 16);
        return FileCalls.OpenAt(_m, -100, Arguments + 16, (int)flags, Arguments);
    }

    /// <summary>poll(2); returns each entry's events and asserts that the result counts them.</summary>
    public short[] Poll(int timeout, params (int Fd, short Events)[] entries)
    {
        int n;
        short[] returned;
        do
        {
            n = PollResult(timeout, entries, out returned);
        }
        while (n == -(int)Errno.EINTR && timeout < 0); // SIGCHLD: the kernel does not know that the program ignores it

        Assert.Equal(returned.Count(r => r != 0), n);
        return returned;
    }

    public int PollResult(int timeout, (int Fd, short Events)[] entries, out short[] returned)
    {
        var guest = (PollEntry*)(_m + Arguments);
        for (int i = 0; i < entries.Length; i++)
        {
            guest[i] = new PollEntry { Descriptor = entries[i].Fd, Events = entries[i].Events, Returned = 0x5555 };
        }

        int n = PollCalls.Poll(_m, Arguments, entries.Length, timeout);
        returned = [.. Enumerable.Range(0, entries.Length).Select(i => ((PollEntry*)(_m + Arguments))[i].Returned)];
        return n;
    }

    public int Text(string text, int address)
    {
        Assert.True(CString.TryWrite(_m, address, 4096, text));
        return address;
    }

    /// <summary>Writes a sockaddr to the argument area; returns its length.</summary>
    private int Address(string address, int port)
    {
        byte* a = _m + Arguments;
        new Span<byte>(a, 128).Clear();
        if (address.StartsWith('/'))
        {
            *(ushort*)a = 1;
            byte[] path = Encoding.UTF8.GetBytes(address);
            path.CopyTo(new Span<byte>(a + 2, 108));
            return 2 + path.Length + 1;
        }

        var ip = IPAddress.Parse(address);
        bool v6 = ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        *(ushort*)a = (ushort)(v6 ? 10 : 2);
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(a + 2, 2), (ushort)port);
        ip.TryWriteBytes(new Span<byte>(a + (v6 ? 8 : 4), 16), out _);
        return v6 ? 28 : 16;
    }

    /// <summary>The port the host gave a bound socket.</summary>
    private int Port(int fd)
    {
        Assert.True(process.Files.TryGet(fd, out var file));
        byte* address = stackalloc byte[128];
        int length = 128;
        Assert.Equal(0, Native.Libc.getsockname(file!.PollDescriptor, address, &length));
        return BinaryPrimitives.ReadUInt16BigEndian(new Span<byte>(address + 2, 2));
    }

    private void Vector(int count)
    {
        *(int*)(_m + Arguments) = Data;
        *(int*)(_m + Arguments + 4) = count;
    }
}
