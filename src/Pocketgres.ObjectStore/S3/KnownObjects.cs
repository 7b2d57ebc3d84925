using System.Collections.Concurrent;

namespace Pocketgres.ObjectStore.S3;

/// <summary>
/// Tags and lengths of objects that a <see cref="S3Server"/> has seen whole, so that it can answer for a part of one without reading all of it. Who changes the
/// objects beside it changes their lengths, or has them answered with an old tag. Any thread.
/// </summary>
internal sealed class KnownObjects
{
    private const int Most = 100_000; // some 20 MB
    private readonly ConcurrentDictionary<string, (string Tag, long Length)> _known = new(StringComparer.Ordinal);

    /// <summary>Notes an object; returns its tag.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="hash">SHA-256 of its content, in hexadecimal.</param>
    /// <param name="length">Bytes.</param>
    public string Note(string path, string hash, long length)
    {
        if (_known.Count >= Most)
        {
            _known.Clear();
        }

        string tag = $"\"{hash[..32]}\"";
        _known[path] = (tag, length);
        return tag;
    }

    /// <summary>Tag and length of an object; null when it is not known.</summary>
    public (string Tag, long Length)? Find(string path) => _known.TryGetValue(path, out var found) ? found : null;

    /// <summary>Forgets an object that is being replaced or removed.</summary>
    public void Forget(string path) => _known.TryRemove(path, out _);
}
