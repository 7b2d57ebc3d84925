namespace Pocketgres.ObjectStore;

/// <summary>
/// An object store in a directory of the host: what <c>pocketgres s3</c> keeps its objects in. A key is a path below it; link(2), which fails when the name
/// is taken, makes an object appear whole and at most once, for all processes that use the directory.
/// </summary>
internal sealed class DirectoryObjectStore : IObjectStore
{
    private const string Unfinished = ".unfinished";

    private readonly string _root;

    /// <summary>Opens a directory, which is made if missing.</summary>
    public DirectoryObjectStore(string root)
    {
        _root = Path.GetFullPath(root);
        Directory.CreateDirectory(Path.Combine(_root, Unfinished));
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
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            return HostLink.TryCreate(temporary, path);
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
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Move(temporary, path, overwrite: true);
    }

    /// <inheritdoc/>
    public Task<ObjectList> ListAsync(string prefix, string? after = null, CancellationToken cancellationToken = default)
    {
        // Only the directory that the prefix ends in: its part behind the last slash selects names there.
        string top = Path.Combine(_root, prefix[..(prefix.LastIndexOf('/') + 1)]);
        var entries = new List<ObjectEntry>();
        if (Directory.Exists(top))
        {
            foreach (var file in new DirectoryInfo(top).EnumerateFiles("*", SearchOption.AllDirectories))
            {
                string key = Path.GetRelativePath(_root, file.FullName);
                if (key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(key, after) > 0
                    && !key.StartsWith(Unfinished, StringComparison.Ordinal) && file.Exists)
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

    private string PathOf(string key) => Path.Combine(_root, key);

    private async Task<string> WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string path = Path.Combine(_root, Unfinished, Guid.NewGuid().ToString("N"));
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, options: FileOptions.Asynchronous);
        await RandomAccess.WriteAsync(file, content, 0, cancellationToken).ConfigureAwait(false);
        RandomAccess.FlushToDisk(file);
        return path;
    }
}
