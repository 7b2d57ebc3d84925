using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Pocketgres.Server;

/// <summary>
/// A directory under the system's temporary one that only this user can enter (mode 0700), for Unix sockets: whoever can reach the socket is let
/// in as superuser. Held by a lock (flock, through FileShare.None) as long as this object lives, so that left-overs of killed processes are told
/// from directories in use, whatever process numbers mean.
/// </summary>
internal sealed class PrivateDirectory : IDisposable
{
    private const string Prefix = "pocketgres-";
    private const string LockName = "lock";

    // sockaddr_un.sun_path holds 107 bytes; the socket's own name takes up to 21 of them (/.s.PGSQL.65535.lock is longer but no socket).
    private const int MaxPathBytes = 107 - 16;

    private const int MaxAttempts = 20;

    private readonly SafeFileHandle _lock;
    private int _disposed;

    private PrivateDirectory(string path, SafeFileHandle heldLock) => (Path, _lock) = (path, heldLock);

    /// <summary>Absolute path.</summary>
    public string Path { get; }

    /// <summary>Makes a new directory.</summary>
    /// <exception cref="IOException">The system's temporary directory cannot be written.</exception>
    public static PrivateDirectory Create()
    {
        for (int attempt = 1; ; attempt++)
        {
            string path = MakeDirectory();
            try
            {
                var held = File.OpenHandle(System.IO.Path.Combine(path, LockName), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);

                // Between its making and its lock it looks like a left-over. Who removes one holds the lock meanwhile: it is whole now, or gone.
                if (File.Exists(System.IO.Path.Combine(path, LockName)))
                {
                    return new PrivateDirectory(path, held);
                }

                held.Dispose();
            }
            catch (IOException) when (attempt < MaxAttempts)
            {
                Empty(path);
            }
        }
    }

    private static string MakeDirectory()
    {
        string path = Directory.CreateTempSubdirectory(Prefix).FullName;
        if (Encoding.UTF8.GetByteCount(path) > MaxPathBytes)
        {
            // TMPDIR is too deep for a socket's name.
            Directory.Delete(path);
            path = System.IO.Path.Combine("/tmp", Prefix + System.IO.Path.GetRandomFileName());
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }

    /// <summary>Removes what processes that were killed have left. Best effort.</summary>
    public static void RemoveLeftovers()
    {
        string parent = System.IO.Path.GetTempPath();
        try
        {
            foreach (string path in Directory.EnumerateDirectories(parent, Prefix + "*"))
            {
                TryRemoveLeftover(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Left-overs do no harm.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        try
        {
            // As a rule nothing else is there: a clone's whole life is a few milliseconds, and looking would cost as much as the rest.
            File.Delete(System.IO.Path.Combine(Path, LockName));
            Directory.Delete(Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Empty(Path);
        }

        _lock.Dispose();
    }

    private static void Empty(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else removed it.
        }
    }

    private static void TryRemoveLeftover(string path)
    {
        try
        {
            string name = System.IO.Path.Combine(path, LockName);
            if (!File.Exists(name))
            {
                return; // just being made, or none of ours
            }

            // Throws while its owner lives.
            using var held = new FileStream(name, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In use, or another user's.
        }
    }
}
