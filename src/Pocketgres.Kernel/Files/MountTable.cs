using System.Runtime.CompilerServices;

namespace Pocketgres.Kernel.Files;

/// <summary>
/// The name space of a kernel: file systems at path prefixes, the longest matching prefix wins. Resolves ".", "..", and the symbolic
/// links of file systems that do not follow links themselves (<see cref="IFileSystem.FindLink"/>).
/// </summary>
/// <remarks>
/// Limits: the host follows its own links, so a link on the host never leads into another mount; a directory listing does not show mount
/// points; "cd link; open ../x" goes by the resolved directory, as with physical paths. Used under the kernel's lock; mount before use.
/// </remarks>
[SkipLocalsInit]
public sealed class MountTable : IDisposable
{
    private const int MaxLinks = 40;

    private MountPoint[] _mounts = [];

    /// <summary>The mounted file systems.</summary>
    internal IEnumerable<(string Prefix, IFileSystem FileSystem)> Mounts => _mounts.Select(m => (m.Prefix.Length == 0 ? "/" : m.Prefix, m.FileSystem));

    /// <summary>Mounts <paramref name="fileSystem"/>, which the table then owns.</summary>
    /// <param name="prefix">Absolute path without "." or ".."; "/" for the root.</param>
    /// <param name="fileSystem">The file system.</param>
    public void Mount(string prefix, IFileSystem fileSystem)
    {
        if (prefix.Length == 0 || prefix[0] != '/')
        {
            throw new ArgumentException($"not an absolute path: {prefix}", nameof(prefix));
        }

        prefix = prefix.TrimEnd('/');
        var mounts = new List<MountPoint>(_mounts); // the longest prefix first
        int position = 0;
        foreach (var mount in _mounts)
        {
            if (mount.Prefix == prefix)
            {
                throw new InvalidOperationException($"something is mounted at {prefix}/ already");
            }

            position += mount.Prefix.Length >= prefix.Length ? 1 : 0;
        }

        mounts.Insert(position, new MountPoint(prefix, fileSystem));
        _mounts = [.. mounts];
    }

    /// <summary>Takes a file system out of the name space; the caller owns it again. Null when nothing is mounted there.</summary>
    public IFileSystem? Unmount(string prefix)
    {
        prefix = prefix.TrimEnd('/');
        int i = Array.FindIndex(_mounts, m => m.Prefix == prefix);
        if (i < 0)
        {
            return null;
        }

        var fileSystem = _mounts[i].FileSystem;
        _mounts = [.. _mounts.Where((_, k) => k != i)];
        return fileSystem;
    }

    /// <summary>The file system mounted exactly at <paramref name="prefix"/>, or null.</summary>
    public IFileSystem? At(string prefix) => Array.Find(_mounts, m => m.Prefix == prefix.TrimEnd('/'))?.FileSystem;

    /// <summary>Descriptors 0 to 2 on /dev/stdin, /dev/stdout and /dev/stderr, as a first process gets them.</summary>
    /// <exception cref="InvalidOperationException">No device file system is mounted.</exception>
    public FileDescriptorTable StandardDescriptors()
    {
        var table = new FileDescriptorTable();
        foreach (string path in (string[])["/dev/stdin", "/dev/stdout", "/dev/stderr"])
        {
            var flags = table.Count == 0 ? OpenFlags.ReadOnly : OpenFlags.WriteOnly;
            var error = Resolve(path, true, out var location);
            OpenFile? file = null;
            if (error != Errno.None || (error = location.FileSystem.Open(location.Path, flags, 0, out file)) != Errno.None)
            {
                table.CloseAll();
                throw new InvalidOperationException($"cannot open {path} ({error}): mount a DeviceFileSystem at /dev");
            }

            file!.Path = path;
            table.Add(file);
        }

        return table;
    }

    /// <summary>open(2) with an absolute path, following symbolic links.</summary>
    public Errno Open(ReadOnlySpan<char> path, OpenFlags flags, int mode, out OpenFile? file)
    {
        file = null;
        var error = Resolve(path, followLast: true, out var location);
        return error == Errno.None ? location.FileSystem.Open(location.Path, flags, mode, out file) : error;
    }

    /// <summary>
    /// Finds the file system and the path inside it for an absolute path. The last component need not exist.
    /// </summary>
    /// <param name="path">Absolute path, as long as a process may give it.</param>
    /// <param name="followLast">Whether a symbolic link in the last component is followed.</param>
    /// <param name="location">Where it is.</param>
    /// <param name="nameOnly">The call is about the name (rmdir, rename, ...): a link stays a link even with a slash behind it.</param>
    /// <returns>ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, or an error of a file system on the way.</returns>
    public Errno Resolve(ReadOnlySpan<char> path, bool followLast, out Location location, bool nameOnly = false)
    {
        Span<char> buffer = stackalloc char[PathEncoding.MaxPath];
        string? replaced = null;
        for (int links = 0; ;)
        {
            location = default;
            int n = Normalise(replaced ?? path, buffer, out bool directory, out bool parents);
            if (n < 0)
            {
                return Errno.ENAMETOOLONG;
            }

            if (parents)
            {
                var error = RemoveParents(buffer[..n], ref links, out replaced);
                if (error != Errno.None)
                {
                    return error;
                }

                replaced += directory ? "/" : "";
                continue;
            }

            var mount = FindMount(buffer[..n]);
            if (mount == null)
            {
                return Errno.ENOENT;
            }

            int prefix = mount.Prefix.Length;
            string inner = n == prefix ? "/" : new string(buffer[prefix..n]);
            if (!mount.FileSystem.FindLink(inner, followLast || (directory && !nameOnly), out int end, out string target))
            {
                location = new Location(mount.FileSystem, inner, mount.Prefix, directory);
                return Errno.None;
            }

            if (++links > MaxLinks)
            {
                return Errno.ELOOP;
            }

            string rest = directory ? string.Concat(inner.AsSpan(end), "/") : inner[end..];
            replaced = target[0] == '/' ? target + rest
                : string.Concat(mount.Prefix, inner.AsSpan(0, inner.LastIndexOf('/', end - 1) + 1), target, rest);
        }
    }

    /// <summary>Disposes the mounted file systems.</summary>
    public void Dispose()
    {
        foreach (var mount in _mounts)
        {
            (mount.FileSystem as IDisposable)?.Dispose();
        }

        _mounts = [];
    }

    /// <summary>
    /// Copies without "." and empty components. The result starts with '/' and does not end with one, except that the root is empty.
    /// </summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="buffer">Receives the result.</param>
    /// <param name="directory">True when a trailing "/", "." or ".." demands a directory.</param>
    /// <param name="parents">True when ".." components are left for <see cref="RemoveParents"/>.</param>
    /// <returns>Length, or -1 when the buffer is too small.</returns>
    internal static int Normalise(ReadOnlySpan<char> path, Span<char> buffer, out bool directory, out bool parents)
    {
        directory = false;
        parents = false;
        int n = 0;
        for (int i = 0; i < path.Length;)
        {
            int length = path[i..].IndexOf('/');
            length = length < 0 ? path.Length - i : length;
            var name = path.Slice(i, length);
            i += length + 1;
            if (name is "" or ".")
            {
                directory = true;
                continue;
            }

            directory = i == path.Length;
            if (name is "..")
            {
                parents = directory = true;
            }

            if (n + name.Length + 1 >= buffer.Length)
            {
                return -1;
            }

            buffer[n] = '/';
            name.CopyTo(buffer[(n + 1)..]);
            n += name.Length + 1;
        }

        directory &= n > 0;
        return n;
    }

    private static int ParentLength(ReadOnlySpan<char> path) => Math.Max(0, path.LastIndexOf('/'));

    private MountPoint? FindMount(ReadOnlySpan<char> path)
    {
        foreach (var mount in _mounts)
        {
            int n = mount.Prefix.Length;
            if (path.StartsWith(mount.Prefix, StringComparison.Ordinal) && (path.Length == n || path[n] == '/'))
            {
                return mount;
            }
        }

        return null;
    }

    /// <summary>
    /// ".." goes up from where the path before it really leads, so everything before the last ".." is resolved step by step.
    /// Slow and rare: Postgres' own paths have none.
    /// </summary>
    private Errno RemoveParents(ReadOnlySpan<char> path, ref int links, out string result)
    {
        string rest = path.ToString();
        string current = "";
        result = "";
        while (rest.Length > 0)
        {
            int slash = rest.IndexOf('/', 1);
            string name = slash < 0 ? rest[1..] : rest[1..slash];
            rest = slash < 0 ? "" : rest[slash..];
            if (name is "" or ".")
            {
                continue;
            }

            if (name == "..")
            {
                current = current[..ParentLength(current)];
                continue;
            }

            string candidate = $"{current}/{name}";
            if (!(rest + "/").Contains("/../", StringComparison.Ordinal))
            {
                current = candidate + rest;
                break;
            }

            var mount = FindMount(candidate);
            if (mount == null)
            {
                return Errno.ENOENT;
            }

            string inner = candidate.Length == mount.Prefix.Length ? "/" : candidate[mount.Prefix.Length..];
            var error = mount.FileSystem.Stat(inner, false, out var status);
            if (error != Errno.None)
            {
                return error;
            }

            if (status.IsLink)
            {
                if (++links > MaxLinks)
                {
                    return Errno.ELOOP;
                }

                if ((error = mount.FileSystem.ReadLink(inner, out string target)) != Errno.None)
                {
                    return error;
                }

                current = target[0] == '/' ? "" : current;
                rest = target[0] == '/' ? target + rest : $"/{target}{rest}";
                continue;
            }

            if (!status.IsDirectory)
            {
                return Errno.ENOTDIR;
            }

            current = candidate;
        }

        result = current.Length == 0 ? "/" : current;
        return Errno.None;
    }

    private sealed record MountPoint(string Prefix, IFileSystem FileSystem);
}

/// <summary>A resolved path.</summary>
/// <param name="FileSystem">Where it is.</param>
/// <param name="Path">Its path there.</param>
/// <param name="MountPrefix">Where that file system is mounted, "" for the root.</param>
/// <param name="MustBeDirectory">The path ended in a slash.</param>
public readonly record struct Location(IFileSystem FileSystem, string Path, string MountPrefix, bool MustBeDirectory)
{
    /// <summary>Absolute path in the name space.</summary>
    public string AbsolutePath => MountPrefix.Length == 0 ? Path : Path.Length == 1 ? MountPrefix : MountPrefix + Path;

    /// <summary>True for the root of a mounted file system, which cannot be removed or renamed (EBUSY).</summary>
    public bool IsMountPoint => Path.Length == 1;
}
