using Pocketgres.Kernel;
using Pocketgres.Kernel.Syscalls;

namespace Pocketgres.Engine.Port.Libpq;

/// <summary>
/// The sockets of the libpq inside <c>libpqwalreceiver</c>. PGlite renamed the calls and left stand-ins that do nothing, except for
/// socket(); connections are made without waiting, as libpq's PQconnectPoll expects, and waits give up the global lock.
/// </summary>
public static unsafe class FrontendSockets
{
    /// <summary>socket(2).</summary>
    [HostFunction("pgl_socket")]
    public static int Create(byte* m, int domain, int type, int protocol) => LibcError.Result(m, Sockets.Socket(m, domain, type, protocol, 0, 0, 0));

    /// <summary>connect(2): -1/EINPROGRESS while the connection is being made.</summary>
    [HostFunction("pgl_connect")]
    public static int Connect(byte* m, int fd, int address, int length) =>
        LibcError.Result(m, SocketOptions.StartConnect(Process.From(m), fd, m + (uint)address, length));

    /// <summary>
    /// send(2), at once: output to clients may be kept back for a moment, but only for one socket a process.
    /// </summary>
    [HostFunction("pgl_send")]
    public static int Send(byte* m, int fd, int buffer, int count, int flags) => LibcError.Result(m, Sockets.SendTo(m, fd, buffer, count, flags, 0, 0));

    /// <summary>poll(2).</summary>
    [HostFunction("pgl_poll")]
    public static int Poll(byte* m, int entries, int count, int timeoutMilliseconds) =>
        LibcError.Result(m, Sockets.Poll(m, entries, count, timeoutMilliseconds));

    /// <summary>setsockopt(2).</summary>
    [HostFunction("pgl_setsockopt")]
    public static int SetOption(byte* m, int fd, int level, int name, int value, int length) =>
        LibcError.Result(m, SocketOptions.Set(Process.From(m), fd, level, name, m + (uint)value, length));

    /// <summary>getsockopt(2).</summary>
    [HostFunction("pgl_getsockopt")]
    public static int GetOption(byte* m, int fd, int level, int name, int value, int length) =>
        LibcError.Result(m, SocketOptions.Get(Process.From(m), fd, level, name, m + (uint)value, (int*)(m + (uint)length)));

    /// <summary>getsockname(2).</summary>
    [HostFunction("pgl_getsockname")]
    public static int GetName(byte* m, int fd, int address, int length) =>
        LibcError.Result(m, SocketOptions.LocalAddress(Process.From(m), fd, m + (uint)address, (int*)(m + (uint)length)));

    /// <summary>getpeereid(3): who is at the other end of a Unix socket.</summary>
    [HostFunction("getpeereid")]
    public static int GetPeer(byte* m, int fd, int user, int group)
    {
        int error = SocketOptions.PeerCredentials(Process.From(m), fd, out int uid, out int gid);
        if (error == 0)
        {
            *(int*)(m + (uint)user) = uid;
            *(int*)(m + (uint)group) = gid;
        }

        return LibcError.Result(m, error);
    }
}
