using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Syscalls;

namespace Pocketgres.Engine.Port;

/// <summary>The server's sockets: PGlite replaced recv and send, and folded socket() into a constant.</summary>
public static unsafe class ServerSockets
{
    private const int Peek = 2;

    /// <summary>recv(2) on a client's socket: -1/EAGAIN when nothing has come yet, 0 only at the client's end of stream.</summary>
    [HostFunction("postgres.recv")]
    public static int Receive(byte* m, int fd, int buffer, int count, int flags) =>
        LibcError.Result(m, !Process.From(m).Files.TryGet(fd, out var file) || file is not SocketFile socket ? -(int)Errno.EBADF
            : !LinearMemory.Contains(m, buffer, (uint)count) ? -(int)Errno.EFAULT
            : socket.Receive(m + (uint)buffer, count, (flags & Peek) != 0));

    /// <summary>send(2) on a client's socket.</summary>
    [HostFunction("postgres.send")]
    public static int Send(byte* m, int fd, int buffer, int count, int flags)
    {
        var process = Process.From(m);
        CommitWait.WaitToSend(m, process);
        return LibcError.Result(m, !process.Files.TryGet(fd, out var file) || file is not SocketFile socket ? -(int)Errno.EBADF
            : !LinearMemory.Contains(m, buffer, (uint)count) ? -(int)Errno.EFAULT
            : process.Send(socket, m + (uint)buffer, count));
    }

    /// <summary>
    /// bind(2) in ListenServerPort. The descriptor given is meaningless (socket() is a constant there): the socket is made here, and
    /// <see cref="ListenSocket"/> answers its descriptor from then on.
    /// </summary>
    [HostFunction("postgres.bind")]
    public static int Bind(byte* m, int fd, int address, int length)
    {
        var process = Process.From(m);
        int created = Sockets.CreateBound(process, m + (uint)address, length);
        PostgresProcess.Of(process).ListenSocket = Math.Max(created, -1);
        return created < 0 ? LibcError.Result(m, created) : 0;
    }

    /// <summary>The descriptor of the socket that ListenServerPort is working on.</summary>
    [HostFunction("postgres.listen_socket")]
    public static int ListenSocket(byte* m) => PostgresProcess.Of(Process.From(m)).ListenSocket;

    /// <summary>What a forked child does first: only the postmaster listens.</summary>
    internal static void CloseListening(Process process)
    {
        process.Files.CloseWhere(static (_, file) => file is SocketFile { IsListening: true });
    }
}
