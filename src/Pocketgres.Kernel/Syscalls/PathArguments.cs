using System.Runtime.CompilerServices;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Paths that system calls get: bytes in linear memory, relative to the working directory or to a directory's descriptor.</summary>
[SkipLocalsInit]
internal static unsafe class PathArguments
{
    /// <summary>AT_FDCWD.</summary>
    public const int CurrentDirectory = -100;

    /// <summary>Resolves a path relative to the working directory.</summary>
    public static Errno Resolve(byte* m, int path, bool followLast, out Location location) =>
        Resolve(m, CurrentDirectory, path, followLast, out location);

    /// <summary>Resolves the path argument of an ...at() call. An empty path is ENOENT.</summary>
    /// <param name="m">Linear memory.</param>
    /// <param name="directory">AT_FDCWD or a directory's descriptor; ignored for an absolute path.</param>
    /// <param name="path">Address of the path.</param>
    /// <param name="followLast">Whether a symbolic link in the last component is followed.</param>
    /// <param name="location">Where it is.</param>
    /// <param name="nameOnly">See <see cref="MountTable.Resolve"/>.</param>
    public static Errno Resolve(byte* m, int directory, int path, bool followLast, out Location location, bool nameOnly = false)
    {
        location = default;
        if (path == 0)
        {
            return Errno.EFAULT;
        }

        byte* bytes = m + (uint)path;
        if (*bytes == 0)
        {
            return Errno.ENOENT;
        }

        var process = Process.From(m);
        Span<char> text = stackalloc char[2 * PathEncoding.MaxPath];
        int start = 0;
        if (*bytes != (byte)'/')
        {
            string from = process.WorkingDirectory;
            if (directory != CurrentDirectory)
            {
                var error = DirectoryPath(process, directory, out from);
                if (error != Errno.None)
                {
                    return error;
                }
            }

            if (from.Length >= PathEncoding.MaxPath)
            {
                return Errno.ENAMETOOLONG;
            }

            from.CopyTo(text);
            text[from.Length] = '/';
            start = from.Length + 1;
        }

        return PathEncoding.TryDecode(bytes, text[start..], out int n)
            ? process.Kernel.FileSystem.Resolve(text[..(start + n)], followLast, out location, nameOnly)
            : Errno.ENAMETOOLONG;
    }

    /// <summary>The path a directory was opened with. Renaming the directory meanwhile goes unnoticed.</summary>
    private static Errno DirectoryPath(Process process, int fd, out string path)
    {
        path = "";
        if (!process.Files.TryGet(fd, out var file))
        {
            return Errno.EBADF;
        }

        if (file.Path == null || file.Status(out var status) != Errno.None || !status.IsDirectory)
        {
            return Errno.ENOTDIR;
        }

        path = file.Path;
        return Errno.None;
    }
}
