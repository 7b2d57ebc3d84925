namespace Pocketgres.Build.Publishing;

/// <summary>
/// Directories named by a key that appear complete or not at all: they are filled beside their place and renamed. Readers need no lock.
/// </summary>
internal sealed class ArtifactStore(string root)
{
    // A dot: neither listed among the keys nor mistaken for one by a reader.
    private const string PartialPrefix = ".partial-";

    /// <summary>How many keys are kept; the last built first.</summary>
    public const int Kept = 2;

    /// <summary>The place of a key's directory, whether it exists or not.</summary>
    public string PathOf(string key) => Path.GetFullPath(Path.Combine(root, key));

    /// <summary>True when the key's directory exists; it is then complete.</summary>
    public bool Contains(string key) => Directory.Exists(PathOf(key));

    /// <summary>Returns the key's directory, filling it first if it does not exist. One build at a time; a second one finds the first one's result.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fill">Creates the content in the directory it is given. What it throws leaves the store as it was.</param>
    public string GetOrAdd(string key, Action<string> fill)
    {
        string target = PathOf(key);
        if (!Directory.Exists(target))
        {
            using var turn = DirectoryLock.Acquire(root);
            if (!Directory.Exists(target))
            {
                RemovePartial();
                string partial = Path.Combine(root, PartialPrefix + key);
                Directory.CreateDirectory(partial);
                fill(partial);
                Directory.Move(partial, target);
            }
        }

        Directory.SetLastWriteTimeUtc(target, DateTime.UtcNow);
        return target;
    }

    /// <summary>Removes all but the most recently used keys. Returns the directories kept, the most recent first.</summary>
    public IReadOnlyList<string> Prune()
    {
        using var turn = DirectoryLock.Acquire(root);
        var keys = new DirectoryInfo(root).EnumerateDirectories().Where(d => !d.Name.StartsWith('.'))
            .OrderByDescending(d => d.LastWriteTimeUtc).ThenBy(d => d.Name, StringComparer.Ordinal).ToList();
        foreach (var old in keys.Skip(Kept))
        {
            // Renamed first: a reader sees the whole directory or none.
            string doomed = Path.Combine(root, PartialPrefix + old.Name);
            old.MoveTo(doomed);
            Directory.Delete(doomed, recursive: true);
        }

        return [.. keys.Take(Kept).Select(k => k.FullName)];
    }

    // What a killed build left. Under the lock nobody else is filling.
    private void RemovePartial()
    {
        foreach (string left in Directory.EnumerateDirectories(root, PartialPrefix + "*"))
        {
            Directory.Delete(left, recursive: true);
        }
    }
}
