using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Files;

/// <summary>Translates the host's error numbers (Linux, asm-generic) to those of the translated C library (WASI's, extended by emscripten).</summary>
public static class HostErrno
{
    // Index: Linux errno. Value: number in emscripten's errno.h. Ten a row, so that row and column spell the Linux number.
    private static ReadOnlySpan<byte> Table =>
    [
        0, 63, 44, 71, 27, 29, 60, 1, 45, 8, // -, EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF
        12, 6, 48, 2, 21, 105, 10, 20, 75, 43, // ECHILD, EAGAIN, ENOMEM, EACCES, EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV
        54, 31, 28, 41, 33, 59, 74, 22, 51, 70, // ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE
        69, 34, 64, 18, 68, 16, 37, 46, 52, 55, // EROFS, EMLINK, EPIPE, EDOM, ERANGE, EDEADLK, ENAMETOOLONG, ENOLCK, ENOSYS, ENOTEMPTY
        32, 29, 49, 24, 106, 156, 107, 108, 109, 110, // ELOOP, (41 unused), ENOMSG, EIDRM, ECHRNG, EL2NSYNC, EL3HLT, EL3RST, ELNRNG, EUNATCH
        111, 112, 113, 114, 115, 104, 103, 102, 29, 101, // ENOCSI, EL2HLT, EBADE, EBADR, EXFULL, ENOANO, EBADRQC, EBADSLT, (58 unused), EBFONT
        100, 116, 117, 118, 119, 120, 121, 47, 122, 123, // ENOSTR, ENODATA, ETIME, ENOSR, ENONET, ENOPKG, EREMOTE, ENOLINK, EADV, ESRMNT
        124, 65, 36, 125, 9, 61, 126, 127, 128, 129, // ECOMM, EPROTO, EMULTIHOP, EDOTDOT, EBADMSG, EOVERFLOW, ENOTUNIQ, EBADFD, EREMCHG, ELIBACC
        130, 131, 132, 133, 25, 134, 135, 136, 57, 17, // ELIBBAD, ELIBSCN, ELIBMAX, ELIBEXEC, EILSEQ, ERESTART, ESTRPIPE, EUSERS, ENOTSOCK, EDESTADDRREQ
        35, 67, 50, 66, 137, 138, 139, 5, 3, 4, // EMSGSIZE, EPROTOTYPE, ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, EPFNOSUPPORT, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL
        38, 40, 39, 13, 15, 42, 30, 53, 140, 141, // ENETDOWN, ENETUNREACH, ENETRESET, ECONNABORTED, ECONNRESET, ENOBUFS, EISCONN, ENOTCONN, ESHUTDOWN, ETOOMANYREFS
        73, 14, 142, 23, 7, 26, 72, 143, 144, 145, // ETIMEDOUT, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, EALREADY, EINPROGRESS, ESTALE, EUCLEAN, ENOTNAM, ENAVAIL
        146, 147, 19, 148, 149, 11, 150, 151, 152, 153, // EISNAM, EREMOTEIO, EDQUOT, ENOMEDIUM, EMEDIUMTYPE, ECANCELED, ENOKEY, EKEYEXPIRED, EKEYREVOKED, EKEYREJECTED
        62, 56, 154, 155, // EOWNERDEAD, ENOTRECOVERABLE, ERFKILL, EHWPOISON
    ];

    /// <summary>The module's number for a Linux errno; an unknown one becomes EIO, never success.</summary>
    public static Errno Map(int errno) => errno == 0 ? Errno.None : (uint)errno < (uint)Table.Length ? (Errno)Table[errno] : Errno.EIO;

    /// <summary>The error of the P/Invoke this thread made last (declared with SetLastError).</summary>
    public static Errno Last() => Map(Marshal.GetLastPInvokeError());
}
