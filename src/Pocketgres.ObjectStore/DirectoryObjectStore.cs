using System.Collections.Concurrent;

namespace Pocketgres.ObjectStore;

/// <summary>
/// An object store in a directory of the host: what <c>pocketgres s3</c> keeps its objects in. A key is a path below it; link(2), which fails when the name
/// is taken, makes an object appear whole and at most once, for all processes that use the directory. What was acknowledged survives a power cut.
/// </summary>
internal sealed class DirectoryObjectStore : IObjectStore
{
    private const string Unfinished = ".unfinished";

    private static readonly TimeSpan s_longestWrite = TimeSpan.FromHours(1);

    private readonly string _root;
    private readonly ConcurrentDictionary<string, bool> _durable = new(StringComparer.Ordinal); // directories whose own names are synced

    /// <summary>Opens a directory, which is made if missing.</summary>
    public DirectoryObjectStore(string root)
    {
        _root = Path.GetFullPath(root);
        var unfinished = Directory.CreateDirectory(Path.Combine(_root, Unfinished));
        foreach (var file in unfinished.EnumerateFiles().Where(f => f.LastWriteTimeUtc < DateTime.UtcNow - s_longestWrite))
        {
            file.Delete(); // of a process that was killed; others may be writing here
        }
    }

    /// <inheritdoc/>
    public string Name => _root;

    /// <inheritdoc/>
    public async Task<StoredObject?> GetAsync(string key, ByteRange? range = null, CancellationToken cancellationToken = default)
    {
        try
        {
            using var file = File.OpenHandle(PathOf(key), options: FileOptions.Asynchronous);
            long length = RandomAccess.GetLength(file);
            long start = Math.Min(range?.Start ?? 0, length);
            var content = new byte[Math.Min(range?.Length ?? length, length - start)];
            for (int done = 0; done < content.Length;)
            {
                int n = await RandomAccess.ReadAsync(file, content.AsMemory(done), start + done, cancellationToken).ConfigureAwait(false);
                done += n > 0 ? n : throw new ObjectStoreException(ObjectStoreError.Unavailable, $"{key} became shorter while it was read");
            }

            return new StoredObject(content);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async Task<bool> CreateAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        string temporary = await WriteAsync(content, cancellationToken).ConfigureAwait(false), path = PathOf(key);
        try
        {
            string directory = MakeDirectory(path);
            if (!HostLink.TryCreate(temporary, path))
            {
                return false;
            }

            HostLink.SyncDirectory(directory);
            return true;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <inheritdoc/>
    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        string temporary = await WriteAsync(content, cancellationToken).ConfigureAwait(false), path = PathOf(key);
        try
        {
            string directory = MakeDirectory(path);
            File.Move(temporary, path, overwrite: true);
            HostLink.SyncDirectory(directory);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        // Only the directory that the prefix ends in: its part behind the last slash selects names there.
        string top = Path.Combine(_root, prefix[..(prefix.LastIndexOf('/') + 1)]);
        var entries = new List<ObjectEntry>();
        if (Directory.Exists(top))
        {
            int root = Path.Combine(_root, "x").Length - 1;

            // Nearly all of a log is in front of what is asked for: names are looked at before files.
            foreach (string path in Directory.EnumerateFiles(top, "*", SearchOption.AllDirectories))
            {
                string key = path[root..];
                if (string.CompareOrdinal(key, after) > 0 && key.StartsWith(prefix, StringComparison.Ordinal) && !key.StartsWith(Unfinished, StringComparison.Ordinal)
                    && new FileInfo(path) is { Exists: true } file)
                {
                    entries.Add(new ObjectEntry(key, file.Length, file.LastWriteTimeUtc));
                }
            }
        }

        entries.Sort((a, b) => string.CompareOrdinal(a.Key, b.Key));
        return Task.FromResult(new ObjectList(entries, DateTimeOffset.UtcNow));
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string key, CancellationToken cancellationToken = default)
    {
        try
        {
            File.Delete(PathOf(key));
        }
        catch (DirectoryNotFoundException)
        {
            // So it is gone.
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    // Makes the directory of a file, and its name and those above it durable, once.
    private string MakeDirectory(string file)
    {
        string directory = Path.GetDirectoryName(file)!;
        Directory.CreateDirectory(directory);
        for (string at = directory; at.Length > _root.Length && !_durable.ContainsKey(at); at = Path.GetDirectoryName(at)!)
        {
            HostLink.SyncDirectory(Path.GetDirectoryName(at)!);
        }

        _durable[directory] = true;
        return directory;
    }

    private string PathOf(string key) => Path.Combine(_root, key);

    private async Task<string> WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, Unfinished, Guid.NewGuid().ToString("N"));
        try
        {
            using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, options: FileOptions.Asynchronous);
            await RandomAccess.WriteAsync(file, content, 0, cancellationToken).ConfigureAwait(false);
            RandomAccess.FlushToDisk(file);
            return path;
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }
}
