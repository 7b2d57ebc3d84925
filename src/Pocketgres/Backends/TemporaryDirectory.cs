namespace Pocketgres.Backends;

/// <summary>
/// The name of a directory beside another one, removed with this object. A lock on a file of the same name tells those in use from what killed
/// processes have left, which the next one made at the same place removes.
/// </summary>
internal sealed class TemporaryDirectory : IDisposable
{
    private const string Infix = ".temporary-";
    private const string LockSuffix = ".lock";

    private readonly FileStream _lock;
    private int _disposed;

    private TemporaryDirectory(string path, FileStream heldLock) => (Path, _lock) = (path, heldLock);

    /// <summary>Absolute path; nothing is there yet.</summary>
    public string Path { get; }

    /// <summary>Takes a new name beside a directory. Beside another temporary one, it is a sibling and not an ever longer name.</summary>
    /// <exception cref="PocketgresException">The parent directory cannot be written.</exception>
    public static TemporaryDirectory Beside(string directory)
    {
        int end = directory.LastIndexOf(Infix, StringComparison.Ordinal);
        string stem = (end < 0 ? directory : directory[..end]) + Infix;
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(stem)!);
            RemoveLeftovers(stem);
            while (true)
            {
                string path = stem + System.IO.Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);
                if (TryLock(path + LockSuffix, FileMode.CreateNew) is { } held)
                {
                    return new TemporaryDirectory(path, held);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PocketgresException(PocketgresError.DirectoryUnusable,
                $"cannot make a directory beside {directory}: {e.Message.TrimEnd('.')}; choose another place in the URL", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Remove(Path);
            _lock.Dispose();
        }
    }

    private static void RemoveLeftovers(string stem)
    {
        foreach (string name in Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(stem)!, System.IO.Path.GetFileName(stem) + "*" + LockSuffix))
        {
            using var held = TryLock(name, FileMode.Open);
            if (held is not null)
            {
                Remove(name[..^LockSuffix.Length]);
            }
        }
    }

    // Null when somebody has it locked, or was faster in removing it.
    private static FileStream? TryLock(string name, FileMode mode)
    {
        try
        {
            return new FileStream(name, mode, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not DirectoryNotFoundException && File.Exists(name))
        {
            return null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    // The directory first: while the lock's name is there, it is known as ours.
    private static void Remove(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }

            File.Delete(path + LockSuffix);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next one tries again.
        }
    }
}
