using System.Globalization;
using Pocketgres.Bucket.Collection;
using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.History;
using Pocketgres.Bucket.Log;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Collection;

/// <summary>Clusters of small files in one bucket with a clock of its own, and what each of their images must contain.</summary>
sealed class CollectedWorld : IDisposable
{
    public static readonly BucketOptions Options = new() { PutsPerSecond = 0, TakeOver = true };
    public static readonly TimeSpan Retention = TimeSpan.FromDays(7);

    readonly TemporaryDirectory _directory = new();
    readonly Dictionary<(string Prefix, long Number), Dictionary<string, byte[]>> _images = [];
    readonly List<Life> _lives = [];

    public CollectedWorld(int seed)
    {
        Random = new Random(seed);
        Bucket = new MemoryObjectStore { Clock = () => Now };
    }

    public Random Random { get; }

    public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public MemoryObjectStore Bucket { get; }

    public PrefixedObjectStore At(string prefix, IObjectStore? bucket = null) => new(bucket ?? Bucket, prefix, ownsInner: false);

    public async Task<Life> OpenAsync(string prefix)
    {
        Now += TimeSpan.FromSeconds(1);
        var store = At(prefix);
        var log = await new LogOpening(store, Options).OpenAsync(default);
        await LogOpening.ThrowIfCollectedAsync(store, log, default);
        var files = new BucketFileSystem(new FrameReader(store), _directory.Path);
        var life = new Life(this, prefix, log, files, store);
        if (log.Manifest is { } manifest)
        {
            files.Load(manifest);
            foreach (var (name, content) in Content(prefix, manifest))
            {
                life.Files.Add(name, content);
            }
        }

        files.Log = life.Shipper;
        _lives.Add(life);
        return life;
    }

    public Task<CollectionResult> CollectAsync(string prefix, IObjectStore? bucket = null, TimeSpan? retention = null) =>
        new Collector(At(prefix, bucket), prefix, retention ?? Retention).RunAsync(default);

    /// <summary>Every image that counts has its content, and every log record behind the oldest one is there, as far as the retention promises it.</summary>
    public async Task CheckAsync(string prefix)
    {
        var store = At(prefix);
        var cluster = FormatObject.Decode((await store.GetAsync(Keys.Format))!.Content).Cluster;
        var all = new Inventory(await store.ListAsync(""));
        foreach (var image in all.Images)
        {
            var manifest = Manifest.Decode((await store.GetAsync(image.Entry.Key))!.Content, cluster, image.Number);
            var files = new BucketFileSystem(new FrameReader(store), _directory.Path);
            files.Load(manifest);
            foreach (var (name, content) in Content(prefix, manifest))
            {
                Assert.True(content.AsSpan().SequenceEqual(FileTree.ReadAll(files, name, 1 << 20)), $"{prefix}{image.Entry.Key}: {name}");
            }

            files.Free();
            for (long n = manifest.Origin?.First ?? 1; n <= (manifest.Origin?.Last ?? 0); n++)
            {
                Assert.NotNull(await store.GetAsync(Keys.Elsewhere(manifest.Origin!.Prefix, Keys.LogRecord(n))));
            }
        }

        Assert.True(all.Images.Count == 0 || all.Log.Count == 0 || new LogHistory(store, cluster, all).Last == Math.Max(all.Images[^1].Number, all.Log[^1].Number),
            "a gap in the log");
    }

    public void Dispose()
    {
        _lives.ForEach(l => l.Dispose());
        _directory.Dispose();
    }

    public void Remember(string prefix, long number, Dictionary<string, byte[]> files) => _images[(prefix, number)] = files;

    // A branch's first image is its origin's: its packs say whose.
    Dictionary<string, byte[]> Content(string prefix, Manifest manifest) =>
        _images.TryGetValue((prefix, manifest.Sequence), out var found) ? found : _images[(manifest.Origin!.Prefix, manifest.Origin.First - 1)];
}

/// <summary>One holder of a cluster, from its opening on; it goes on writing when others have fenced it, as a process does that stood still.</summary>
sealed class Life : IDisposable
{
    readonly CollectedWorld _world;
    readonly string _prefix;
    readonly OpenedLog _log;
    readonly BucketFileSystem _system;
    readonly ImageWriter _images;
    int _noted;

    public Life(CollectedWorld world, string prefix, OpenedLog log, BucketFileSystem system, IObjectStore store)
    {
        (_world, _prefix, _log, _system) = (world, prefix, log, system);
        Shipper = new LogShipper(store, log, CollectedWorld.Options);
        _images = new ImageWriter(store, log, system, Shipper) { Step = s => Step?.Invoke(s) };
    }

    public LogShipper Shipper { get; }

    public Dictionary<string, byte[]> Files { get; } = [];

    public Action<string>? Step { get; set; }

    public long Token => _log.Token;

    /// <summary>Changes pages here and there, and notes that something was done.</summary>
    public void Write()
    {
        for (int i = _world.Random.Next(1, 4); i > 0; i--)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"/f{_world.Random.Next(5)}");
            if (_world.Random.Next(8) == 0 && Files.Remove(name))
            {
                FileTree.Remove(_system, name);
                continue;
            }

            byte[] content = Files.TryGetValue(name, out var old) ? (byte[])old.Clone() : new byte[PageFile.PageSize * _world.Random.Next(1, 40)];
            int at = _world.Random.Next(content.Length / PageFile.PageSize) * PageFile.PageSize;
            _world.Random.NextBytes(content.AsSpan(at, Math.Min(content.Length - at, PageFile.PageSize * _world.Random.Next(1, 20))));
            FileTree.WriteAll(_system, name, content, 0x180, sync: false);
            Files[name] = content;
        }

        Note();
    }

    /// <summary>Something that log records tell.</summary>
    public void Note() => Shipper.Note(new LogPart.Removed(string.Create(CultureInfo.InvariantCulture, $"{_log.Token}.{_noted++}")));

    public async Task<bool> TryCommitAsync()
    {
        Note();
        long ticket = Shipper.Seal();
        return await Task.Run(() => Shipper.WaitUntilDurable(ticket));
    }

    public async Task ImageAsync(IReadOnlySet<string>? sparse = null)
    {
        Note();
        var content = new Dictionary<string, byte[]>(Files);
        long number = Shipper.Cut();
        _world.Remember(_prefix, number, content);
        await _images.WriteAsync(withBootPack: _world.Random.Next(3) == 0, sparse);
    }

    public async Task CloseAsync()
    {
        await ImageAsync();
        await Shipper.CloseAsync();
    }

    public void Dispose()
    {
        Shipper.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _system.Free();
    }
}
