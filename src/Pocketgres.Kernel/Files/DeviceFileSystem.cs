using System.Globalization;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// /dev: null, zero, full, random, urandom, tty, stdin, stdout, stderr and fd/N. Opening stdin, stdout, stderr or fd/N in a process
/// duplicates its descriptor (<see cref="DescriptorAlias"/>); only the first process's own three come from here.
/// </summary>
/// <param name="standardOutput">Receives what is written to standard output; null discards it.</param>
/// <param name="standardError">Receives what is written to standard error; null discards it.</param>
/// <param name="terminals">Whether isatty(3) is true for standard output and error.</param>
public sealed class DeviceFileSystem(OutputSink? standardOutput = null, OutputSink? standardError = null, bool terminals = false) : IFileSystem
{
    private static readonly string[] Names = ["", "null", "zero", "full", "random", "urandom", "tty", "stdin", "stdout", "stderr", "fd", "shm"];

    private readonly long _started = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) * 100;

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        file = null;
        var error = Stat(path, true, out var status);
        if (error != Errno.None)
        {
            return error == Errno.ENOENT && (flags & OpenFlags.Create) != 0 ? Errno.EACCES : error;
        }

        if ((flags & (OpenFlags.Create | OpenFlags.Exclusive)) == (OpenFlags.Create | OpenFlags.Exclusive))
        {
            return Errno.EEXIST;
        }

        if (status.IsDirectory)
        {
            if ((flags & (OpenFlags.AccessMode | OpenFlags.Create)) != 0)
            {
                return Errno.EISDIR;
            }
        }
        else if ((flags & OpenFlags.Directory) != 0)
        {
            return Errno.ENOTDIR;
        }

        var kind = path switch
        {
            "/" or "/fd" or "/shm" => DeviceKind.Directory,
            "/null" or "/stdin" => DeviceKind.Null,
            "/zero" => DeviceKind.Zero,
            "/full" => DeviceKind.Full,
            "/random" or "/urandom" => DeviceKind.Random,
            "/stdout" or "/stderr" => DeviceKind.Output,
            _ => DeviceKind.None,
        };
        if (kind == DeviceKind.None)
        {
            return Errno.ENXIO; // tty: there is no controlling terminal; fd/N: not open
        }

        var kept = flags & (OpenFlags.AccessMode | OpenFlags.Append | OpenFlags.NonBlocking | OpenFlags.Sync);
        var entries = kind != DeviceKind.Directory ? null : List(path);
        file = new DeviceFile(kind, status, kept, path == "/stdout" ? standardOutput : standardError, entries);
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status)
    {
        int index = Array.IndexOf(Names, path[1..]);
        int mode = index is 0 or >= 10 ? 0x41ED : 0x21B6; // drwxr-xr-x, crw-rw-rw-
        if (index < 0 && DescriptorAlias(path) is int fd and >= 0)
        {
            index = 100 + fd;
        }

        if (index is 8 or 9 && !terminals)
        {
            mode = 0x1180; // like a pipe to the host: isatty is false, programs buffer
        }

        status = index < 0 ? default : new FileStatus(5, index + 1, mode, 1, 0, 0, 0, 0, _started, _started, _started);
        return index >= 0 ? Errno.None : Array.IndexOf(Names, path.Split('/')[1]) is > 0 and < 10 ? Errno.ENOTDIR : Errno.ENOENT;
    }

    /// <inheritdoc/>
    public int DescriptorAlias(string path) => path switch
    {
        "/stdin" => 0,
        "/stdout" => 1,
        "/stderr" => 2,
        _ => path.StartsWith("/fd/", StringComparison.Ordinal) && int.TryParse(path.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out int fd) ? fd : -1,
    };

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => Exists(path) ? Errno.EEXIST : Errno.EACCES;

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path) => Exists(path) ? Errno.EACCES : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno Unlink(string path) => Exists(path) ? Errno.EACCES : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno Rename(string from, string target) => Exists(from) ? Errno.EACCES : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno Link(string existing, string created) => Exists(existing) ? Errno.EACCES : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path) => Exists(path) ? Errno.EEXIST : Errno.EACCES;

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target)
    {
        target = "";
        return Exists(path) ? Errno.EINVAL : Errno.ENOENT;
    }

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode) => Exists(path) ? Errno.None : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified) => Exists(path) ? Errno.None : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno Truncate(string path, long length) => Exists(path) ? Errno.EINVAL : Errno.ENOENT;

    /// <inheritdoc/>
    public Errno Access(string path, int mode)
    {
        var error = Stat(path, true, out var status);
        return error != Errno.None ? error : (mode & 1) != 0 && !status.IsDirectory ? Errno.EACCES : Errno.None;
    }

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status)
    {
        status = new FileSystemStatus(4096, 0, 0, 0, Names.Length, 0);
        return Exists(path) ? Errno.None : Errno.ENOENT;
    }

    private static List<DirectoryEntry> List(string path)
    {
        var list = new List<DirectoryEntry> { new(".", 1, 4), new("..", 1, 4) };
        for (int i = 1; path == "/" && i < Names.Length; i++)
        {
            list.Add(new DirectoryEntry(Names[i], i + 1, (byte)(i < 10 ? 2 : 4)));
        }

        return list;
    }

    private bool Exists(string path) => Stat(path, true, out _) == Errno.None;
}
