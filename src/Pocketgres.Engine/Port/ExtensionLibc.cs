using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Functions of the C library that no program here contains but that pgcrypto's OpenSSL imports: for its sockets, its password prompt and its
/// locked heap, none of which pgcrypto uses. They follow their manual pages as far as the kernel has the thing; for what it has not (terminals,
/// page protection, the old resolver) they report the error that Linux gives a process without it.
/// </summary>
public static unsafe class ExtensionLibc
{
    private const int SignalError = -1; // SIG_ERR

    /// <summary>sleep(3).</summary>
    /// <returns>Seconds left when a signal ended it.</returns>
    [HostFunction("sleep")]
    public static int Sleep(byte* m, int seconds)
    {
        var process = Process.From(m);
        long started = Environment.TickCount64;
        process.DeliverSignals();
        bool undisturbed = process.Sleep((uint)seconds * 1_000_000_000L);
        process.DeliverSignals();
        return undisturbed ? 0 : (int)Math.Max(0, (uint)seconds - ((Environment.TickCount64 - started) / 1000));
    }

    /// <summary>getsockopt(2): no option can be asked for.</summary>
    [HostFunction("getsockopt")]
    public static int GetSocketOption(byte* m, int fd, int level, int name, int value, int length) => LibcError.Result(m, OptionError(m, fd));

    /// <summary>setsockopt(2): no option can be set.</summary>
    [HostFunction("setsockopt")]
    public static int SetSocketOption(byte* m, int fd, int level, int name, int value, int length) => LibcError.Result(m, OptionError(m, fd));

    /// <summary>getsockname(2): not for sockets made by a library.</summary>
    [HostFunction("getsockname")]
    public static int GetSocketName(byte* m, int fd, int address, int length) => LibcError.Result(m, SocketError(m, fd, Errno.EOPNOTSUPP));

    /// <summary>shutdown(2): half-closed connections do not exist; close(2) ends one.</summary>
    [HostFunction("shutdown")]
    public static int Shutdown(byte* m, int fd, int how) => LibcError.Result(m, SocketError(m, fd, Errno.EOPNOTSUPP));

    /// <summary>gethostbyname(3): obsolete; finds nobody.</summary>
    [HostFunction("gethostbyname")]
    public static int GetHostByName(byte* m, int name) => 0;

    /// <summary>mprotect(2): linear memory has no pages to protect.</summary>
    [HostFunction("mprotect")]
    public static int Protect(byte* m, int address, int length, int protection) => LibcError.Result(m, Errno.ENOSYS);

    /// <summary>mlock(2): as for a process whose RLIMIT_MEMLOCK is 0.</summary>
    [HostFunction("mlock")]
    public static int Lock(byte* m, int address, int length) => LibcError.Result(m, Errno.EPERM);

    /// <summary>madvise(2): advice may be ignored, except MADV_DONTDUMP's kind, which nothing here can follow either.</summary>
    [HostFunction("madvise")]
    public static int Advise(byte* m, int address, int length, int advice) => LibcError.Result(m, Errno.EINVAL);

    /// <summary>setbuf(3): the stream keeps the buffer it has.</summary>
    [HostFunction("setbuf")]
    public static void SetBuffer(byte* m, int stream, int buffer)
    {
    }

    /// <summary>tcgetattr(3): no descriptor is a terminal.</summary>
    [HostFunction("tcgetattr")]
    public static int GetTerminal(byte* m, int fd, int attributes) => LibcError.Result(m, Errno.ENOTTY);

    /// <summary>tcsetattr(3): no descriptor is a terminal.</summary>
    [HostFunction("tcsetattr")]
    public static int SetTerminal(byte* m, int fd, int actions, int attributes) => LibcError.Result(m, Errno.ENOTTY);

    /// <summary>signal(2): a library may not replace the server's handlers.</summary>
    [HostFunction("signal")]
    public static int SetSignalHandler(byte* m, int signal, int handler)
    {
        _ = LibcError.Result(m, Errno.EINVAL);
        return SignalError;
    }

    private static Errno OptionError(byte* m, int fd) => SocketError(m, fd, Errno.ENOPROTOOPT);

    private static Errno SocketError(byte* m, int fd, Errno onSocket) =>
        !Process.From(m).Files.TryGet(fd, out var file) ? Errno.EBADF : file is SocketFile ? onSocket : Errno.ENOTSOCK;
}
