namespace Pocketgres.Kernel.Files;

/// <summary>A file system refused what was needed; the message says what, where and why.</summary>
public sealed class FileSystemException : IOException
{
    /// <summary>Creates the exception: "cannot <paramref name="doing"/> <paramref name="path"/>: reason".</summary>
    public FileSystemException(Errno error, string doing, string path)
        : base($"cannot {doing} {path}: {Describe(error)}")
    {
        Error = error;
        Path = path;
    }

    /// <summary>The error number.</summary>
    public Errno Error { get; }

    /// <summary>The path in question.</summary>
    public string Path { get; }

    /// <summary>Throws unless <paramref name="error"/> is none.</summary>
    /// <exception cref="FileSystemException">It is an error.</exception>
    public static void ThrowIf(Errno error, string doing, string path)
    {
        if (error != Errno.None)
        {
            throw new FileSystemException(error, doing, path);
        }
    }

    /// <summary>strerror(3) for the errors people meet; the name of the others.</summary>
    private static string Describe(Errno error) => error switch
    {
        Errno.EACCES => "permission denied",
        Errno.EPERM => "operation not permitted",
        Errno.ENOENT => "no such file or directory",
        Errno.ENOSPC => "no space left on device",
        Errno.EDQUOT => "disk quota exceeded",
        Errno.EROFS => "read-only file system",
        Errno.EIO => "input/output error",
        Errno.ENOTDIR => "not a directory",
        Errno.ENAMETOOLONG => "file name too long",
        Errno.EMFILE or Errno.ENFILE => "too many open files",
        _ => error.ToString(),
    };
}
