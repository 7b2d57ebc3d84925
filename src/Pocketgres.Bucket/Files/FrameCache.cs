using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <summary>
/// Frames of packs in a directory of the host, which lives need not ask the store for again. Nothing in it is needed or believed: any file may vanish, be cut
/// or be replaced at any time, and is then as if it were not there. Nothing here throws. Any thread, and any number of processes on one directory.
/// </summary>
/// <remarks>
/// A file is a frame's bytes and the SHA-256 of whose they are and of them. Whose: the cluster's number and what its manifest says of the frame (pack, place,
/// length, checksum), since a prefix can be used again for another cluster, with the same keys. The name begins with that number too. A file appears by its renaming, and is not synced.
/// The limit: who has written a sixteenth of it looks at all files, in the background, and removes those that were used the longest ago until seven eighths
/// are left: some sixteen names are looked at for each file written, however many there are. The first look comes at random within that sixteenth, so that
/// many short lives keep the limit as well as a long one does.
/// </remarks>
internal sealed class FrameCache
{
    private const string Extension = ".frame", Unfinished = ".frame-unfinished";
    private const int BlockSize = 4096; // what a file takes at least
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite, PrivateDirectory = PrivateFile | UnixFileMode.UserExecute;

    private static readonly TimeSpan s_longestWrite = TimeSpan.FromHours(1), s_timeStep = TimeSpan.FromMinutes(1);

    private readonly string _directory;
    private readonly long _limit;
    private readonly Guid _cluster;
    private readonly BranchOrigin? _origin;
    private readonly Action<string>? _report;
    private long _untilTrim;
    private int _hasReported, _isTrimming;

    private FrameCache(string directory, long limit, Guid cluster, BranchOrigin? origin, Action<string>? report)
    {
        _directory = directory;
        _limit = limit;
        _cluster = cluster;
        _origin = origin;
        _report = report;
        _untilTrim = Random.Shared.NextInt64(limit / 16);
    }

    /// <summary>The cache that the options ask for; null for none, or when its directory cannot be used, which is reported.</summary>
    /// <param name="options">The cluster's.</param>
    /// <param name="cluster">Which cluster.</param>
    /// <param name="origin">Of a branch without an image of its own: the cluster that it was made of, whose frames it shares.</param>
    /// <param name="report">Told once when the directory fails.</param>
    public static FrameCache? Open(BucketOptions options, Guid cluster, BranchOrigin? origin, Action<string>? report)
    {
        var cache = options.CacheDirectory is { } directory ? new FrameCache(directory, options.CacheBytes, cluster, origin, report) : null;
        return cache?.Prepare() == true ? cache : null;
    }

    /// <summary>A frame's bytes, as they are in its pack; null when they are not here.</summary>
    public byte[]? Read(PageFrame frame)
    {
        var (path, identity) = Identify(frame);
        try
        {
            // Not opened before it is known to be a file of this length: it may be anything.
            var file = new FileInfo(path);
            if (!file.Exists)
            {
                return null;
            }

            byte[] bytes = file.Length == frame.Length + SHA256.HashSizeInBytes ? File.ReadAllBytes(path) : [];
            if (bytes.Length == frame.Length + SHA256.HashSizeInBytes && Hash(identity, bytes.AsSpan(0, frame.Length)).AsSpan().SequenceEqual(bytes.AsSpan(frame.Length)))
            {
                Touch(file);
                return bytes[..frame.Length];
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // As if it were not there.
        }

        Remove(path);
        return null;
    }

    /// <summary>Keeps a frame's bytes, which are known to be right.</summary>
    public void Add(PageFrame frame, ReadOnlySpan<byte> bytes)
    {
        var (path, identity) = Identify(frame);
        string unfinished = Path.Combine(_directory, $"{Guid.NewGuid():N}{Unfinished}");
        try
        {
            using (var file = new FileStream(unfinished, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, UnixCreateMode = PrivateFile }))
            {
                file.Write(bytes);
                file.Write(Hash(identity, bytes));
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report(e.Message);
            Remove(unfinished);
            if (e is DirectoryNotFoundException)
            {
                Prepare(); // for the next one
            }

            return;
        }

        if (Interlocked.Add(ref _untilTrim, -Taken(bytes.Length)) < 0 && Interlocked.Exchange(ref _isTrimming, 1) == 0)
        {
            Interlocked.Exchange(ref _untilTrim, _limit / 16);
            _ = Task.Run(Trim);
        }
    }

    /// <summary>Removes another frame's bytes that lie under this one's name, or whatever is wrong with it.</summary>
    public void Remove(PageFrame frame) => Remove(Identify(frame).Path);

    // Whose frame it is and which, and the file it is in.
    private (string Path, byte[] Identity) Identify(PageFrame frame)
    {
        var (cluster, key) = (_cluster, frame.Pack);
        if (_origin is { } origin && key.StartsWith($"/{origin.Prefix}", StringComparison.Ordinal) && Keys.TryPack(key[(origin.Prefix.Length + 1)..], out _, out _))
        {
            (cluster, key) = (origin.Cluster, key[(origin.Prefix.Length + 1)..]);
        }

        byte[] identity = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{cluster:N} {key} {frame.Offset} {frame.Length} {frame.Pages} {frame.Checksum:x8}\n"));
        return (Path.Combine(_directory, $"{cluster:N}-{Convert.ToHexStringLower(SHA256.HashData(identity).AsSpan(0, 16))}{Extension}"), identity);
    }

    private static byte[] Hash(byte[] identity, ReadOnlySpan<byte> bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(identity);
        hash.AppendData(bytes);
        return hash.GetHashAndReset();
    }

    // Makes the directory. One that others can write to, or that is another's, could have anything in it, with the right checksum.
    private bool Prepare()
    {
        try
        {
            Directory.CreateDirectory(_directory, PrivateDirectory);
            var mode = File.GetUnixFileMode(_directory);
            if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            {
                Report("others can write to it (chmod 700, or name another directory)");
                return false;
            }

            File.SetUnixFileMode(_directory, mode); // only its owner may
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report(e.Message);
            return false;
        }
    }

    private void Report(string problem)
    {
        if (Interlocked.Exchange(ref _hasReported, 1) == 0)
        {
            _report?.Invoke($"cannot keep pages in the cache {_directory}: {problem}; they are read from the bucket");
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is in nobody's way.
        }
    }

    // The time of a file is that of its last use, to the minute.
    private static void Touch(FileInfo file)
    {
        try
        {
            var now = DateTime.UtcNow;
            if ((now - file.LastWriteTimeUtc).Duration() > s_timeStep)
            {
                file.LastWriteTimeUtc = now;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then it goes sooner.
        }
    }

    private static long Taken(long length) => (length + SHA256.HashSizeInBytes + BlockSize - 1) / BlockSize * BlockSize;

    private void Trim()
    {
        try
        {
            var files = new List<(DateTime Time, long Taken, string Name)>();
            long taken = 0;
            foreach (var file in new DirectoryInfo(_directory).EnumerateFiles())
            {
                if (file.Extension == Unfinished && file.LastWriteTimeUtc < DateTime.UtcNow - s_longestWrite)
                {
                    Remove(file.FullName); // of a process that was killed
                }
                else if (file.Extension == Extension && file.Exists)
                {
                    files.Add((file.LastWriteTimeUtc, Taken(file.Length - SHA256.HashSizeInBytes), file.Name));
                    taken += files[^1].Taken;
                }
            }

            files.Sort((a, b) => a.Time.CompareTo(b.Time));
            for (int i = 0; i < files.Count && taken > _limit / 8 * 7; taken -= files[i].Taken, i++)
            {
                Remove(Path.Combine(_directory, files[i].Name));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report(e.Message);
        }
        finally
        {
            Volatile.Write(ref _isTrimming, 0);
        }
    }
}
