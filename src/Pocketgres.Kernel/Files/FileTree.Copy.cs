namespace Pocketgres.Kernel.Files;

/// <content>Copying.</content>
public static unsafe partial class FileTree
{
    private const int PermissionBits = 0xFFF;

    /// <summary>
    /// cp -a of a directory's content into a directory that exists: regular files, directories and symbolic links with their modes; sockets and
    /// other kinds are left out. Writes zeroes where there were holes, so that later writes cannot fail for lack of space. Makes nothing durable.
    /// </summary>
    /// <param name="source">Where to read.</param>
    /// <param name="from">Directory there.</param>
    /// <param name="target">Where to write.</param>
    /// <param name="to">Directory there.</param>
    /// <param name="isWanted">Asked for each path below <paramref name="from"/>, without leading slash; what is not wanted is left out with what is below it.</param>
    /// <exception cref="FileSystemException">Something cannot be read or written.</exception>
    public static void Copy(IFileSystem source, string from, IFileSystem target, string to, Func<string, bool> isWanted)
    {
        var buffer = new byte[TransferSize];
        CopyDirectory(source, from, target, to, "", isWanted, buffer);
    }

    private static void CopyDirectory(
        IFileSystem source, string from, IFileSystem target, string to, string relative, Func<string, bool> isWanted, byte[] buffer)
    {
        foreach (var entry in List(source, from).ToList())
        {
            string name = relative.Length == 0 ? entry.Name : $"{relative}/{entry.Name}";
            if (!isWanted(name))
            {
                continue;
            }

            string original = Combine(from, entry.Name), copy = Combine(to, entry.Name);
            FileSystemException.ThrowIf(source.Stat(original, followLink: false, out var status), "look at", original);
            if (status.IsDirectory)
            {
                FileSystemException.ThrowIf(target.MakeDirectory(copy, 0x1C0), "create", copy);
                CopyDirectory(source, original, target, copy, name, isWanted, buffer);
                FileSystemException.ThrowIf(target.ChangeMode(copy, status.Mode & PermissionBits), "set the mode of", copy);
            }
            else if (status.IsLink)
            {
                FileSystemException.ThrowIf(source.ReadLink(original, out string link), "read", original);
                FileSystemException.ThrowIf(target.SymbolicLink(link, copy), "create", copy);
            }
            else if (status.IsRegular)
            {
                CopyFile(source, original, target, copy, status.Mode & PermissionBits, buffer);
            }
        }
    }

    private static void CopyFile(IFileSystem source, string from, IFileSystem target, string to, int mode, byte[] buffer)
    {
        FileSystemException.ThrowIf(source.Open(from, OpenFlags.ReadOnly, 0, out var input), "open", from);
        try
        {
            FileSystemException.ThrowIf(target.Open(to, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, mode | 0x80, out var output), "create", to);
            try
            {
                fixed (byte* p = buffer)
                {
                    long offset = 0;
                    while (true)
                    {
                        int n = input!.ReadAt(p, buffer.Length, offset);
                        FileSystemException.ThrowIf(n < 0 ? (Errno)(-n) : Errno.None, "read", from);
                        if (n == 0)
                        {
                            break;
                        }

                        for (int done = 0; done < n;)
                        {
                            int written = output!.WriteAt(p + done, n - done, offset + done);
                            FileSystemException.ThrowIf(written < 0 ? (Errno)(-written) : written == 0 ? Errno.EIO : Errno.None, "write", to);
                            done += written;
                        }

                        offset += n;
                    }
                }

                if ((mode & 0x80) == 0)
                {
                    FileSystemException.ThrowIf(output!.ChangeMode(mode), "set the mode of", to);
                }
            }
            finally
            {
                output!.Release();
            }
        }
        finally
        {
            input!.Release();
        }
    }
}
