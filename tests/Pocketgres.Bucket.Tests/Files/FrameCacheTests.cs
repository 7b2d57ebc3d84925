using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Files;

/// <summary>Frames that are kept on the machine: what they spare, and that nothing that happens to them is ever seen.</summary>
public sealed class FrameCacheTests : IDisposable
{
    const int Length = 1_500_000; // incompressible: six frames
    const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    static readonly BucketOptions s_options = new() { PutsPerSecond = 0, TakeOver = true };

    readonly MemoryObjectStore _bucket = new();
    readonly TemporaryDirectory _directory = new();
    readonly List<string> _reports = [];

    BucketOptions Options => s_options with { CacheDirectory = _directory.Combine("cache") };

    string[] Kept => Directory.GetFiles(Options.CacheDirectory!, "*.frame");

    public void Dispose()
    {
        _directory.Dispose();
        _bucket.Dispose();
    }

    [Fact]
    public async Task A_later_life_asks_for_nothing_that_an_earlier_one_has_read()
    {
        var manifest = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", manifest, 1, s_options);
        Assert.InRange(without, 7, 20);
        Assert.Equal(without, await ReadAsync("a/", manifest, 1)); // not one more than without
        Assert.Equal(0, await ReadAsync("a/", manifest, 1));
        Assert.All(Kept, f => Assert.Equal(Private, File.GetUnixFileMode(f)));
        Assert.Equal(Private | UnixFileMode.UserExecute, File.GetUnixFileMode(Options.CacheDirectory!));
        Assert.Equal(Kept.Length, Directory.GetFileSystemEntries(Options.CacheDirectory!).Length);
        Assert.Empty(_reports);
    }

    [Fact]
    public async Task What_a_life_has_written_the_next_one_need_not_ask_for()
    {
        var manifest = await MakeAsync("a/", 1, Options);
        Assert.Equal(0, await ReadAsync("a/", manifest, 1));
    }

    [Theory, InlineData("cut"), InlineData("empty"), InlineData("longer"), InlineData("flipped"), InlineData("checksum"), InlineData("exchanged"), InlineData("foreign"), InlineData("gone"), InlineData("directories")]
    public async Task What_happens_to_its_files_costs_requests_only(string what)
    {
        var manifest = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", manifest, 1);
        string[] files = Kept;
        await ReadAsync("b/", await MakeAsync("b/", 2), 2);
        string[] others = [.. Kept.Except(files)];
        byte[] first = File.ReadAllBytes(files[0]);
        for (int i = 0; i < files.Length; i++)
        {
            byte[] bytes = File.ReadAllBytes(files[i]);
            byte[]? instead = what switch
            {
                "cut" => bytes[..(bytes.Length / 2)],
                "empty" => [],
                "longer" => [.. bytes, 0],
                "flipped" => [.. bytes.Select((b, at) => at == bytes.Length / 3 ? (byte)(b ^ 1) : b)],
                "checksum" => [.. bytes[..^1], (byte)(bytes[^1] ^ 1)],
                "exchanged" => i == files.Length - 1 ? first : File.ReadAllBytes(files[i + 1]),
                "foreign" => File.ReadAllBytes(others.FirstOrDefault(o => new FileInfo(o).Length == bytes.Length, others[0])),
                _ => null,
            };
            File.Delete(files[i]);
            if (instead is not null)
            {
                File.WriteAllBytes(files[i], instead);
            }
            else if (what == "directories")
            {
                Directory.CreateDirectory(Path.Combine(files[i], "below"));
            }
        }

        Assert.Equal(without, await ReadAsync("a/", manifest, 1));
        Assert.Equal(what == "directories" ? without : 0, await ReadAsync("a/", manifest, 1)); // they were made anew
        Assert.Equal(what == "directories" ? 2 : 0, _reports.Count); // once in each life
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Its_directory_may_go_while_it_is_used(bool isReplaced)
    {
        var manifest = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", manifest, 1, Options with { CacheDirectory = Path.Combine(_directory.Path, "another") }); // whose prefetches may still be at work
        Assert.InRange(await ReadAsync("a/", manifest, 1, midway: () =>
        {
            Directory.Delete(Options.CacheDirectory!, recursive: true);
            if (isReplaced)
            {
                File.WriteAllText(Options.CacheDirectory!, "");
            }
        }), 6, without);
        Assert.Single(_reports);
        Assert.Equal(isReplaced, File.Exists(Options.CacheDirectory));
        Assert.Equal(isReplaced, !Directory.Exists(Options.CacheDirectory)); // made again for what came later
        Assert.InRange(await ReadAsync("a/", manifest, 1), 1, without); // a part of it is there again, or nothing
    }

    [Fact]
    public async Task A_directory_that_others_can_write_to_is_not_used()
    {
        var manifest = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", manifest, 1);
        File.SetUnixFileMode(Options.CacheDirectory!, Private | UnixFileMode.UserExecute | UnixFileMode.OtherWrite);
        Assert.Equal(without, await ReadAsync("a/", manifest, 1));
        Assert.Contains("others can write to it", Assert.Single(_reports), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prefix_that_is_used_again_gets_nothing_of_the_former_cluster()
    {
        var former = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", former, 1);
        foreach (var entry in (await _bucket.ListAsync("")).Entries)
        {
            await _bucket.DeleteAsync(entry.Key);
        }

        var manifest = await MakeAsync("a/", 2);
        Assert.Equal(former.Packs(), manifest.Packs());
        Assert.Equal(without, await ReadAsync("a/", manifest, 2));

        // Even if everything that the manifests say of a frame were the same.
        var frame = former.Entries.Single(e => e.Path == "/a").Runs[0].Frame;
        FrameCache first = Open(former), second = Open(manifest);
        byte[] bytes = first.Read(frame)!;
        Assert.Equal(frame.Checksum, Crc32C.Compute(bytes));
        Assert.Null(second.Read(frame));
        string[] before = Kept;
        second.Add(frame, bytes);
        string made = Assert.Single(Kept.Except(before));
        Assert.Contains(manifest.Cluster.ToString("N"), made, StringComparison.Ordinal);
        foreach (string of in before)
        {
            File.Copy(of, made, overwrite: true);
            Assert.Null(second.Read(frame));
        }
    }

    [Fact]
    public async Task Bytes_that_are_not_the_manifests_are_fetched_again_whatever_their_checksum_says()
    {
        var manifest = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", manifest, 1);
        var cache = Open(manifest);
        foreach (var frame in manifest.Entries.SelectMany(e => e.Runs).Select(r => r.Frame).Concat(manifest.Boot!.Frames).Distinct())
        {
            cache.Add(frame, new byte[frame.Length]);
        }

        Assert.Equal(without, await ReadAsync("a/", manifest, 1));
        Assert.Equal(0, await ReadAsync("a/", manifest, 1));
    }

    [Fact]
    public async Task Bytes_that_are_no_pages_are_fetched_again_even_if_their_checksum_is_the_manifests()
    {
        var manifest = await MakeAsync("a/", 1);
        var store = new PrefixedObjectStore(_bucket, "a/", ownsInner: false);
        var cache = Open(manifest);
        foreach (var frame in manifest.Entries.SelectMany(e => e.Runs).Select(r => r.Frame).Distinct())
        {
            cache.Add(frame, OfChecksum(frame.Checksum, frame.Length));
            Assert.Equal(frame.Checksum, Crc32C.Compute(cache.Read(frame)));
            Assert.Equal(await new FrameReader(store).ReadAsync(frame), await new FrameReader(store) { Cache = cache }.ReadAsync(frame));
            Assert.Equal((await store.GetAsync(frame.Pack, new ByteRange(frame.Offset, frame.Length)))!.Content, cache.Read(frame));
        }
    }

    [Fact]
    public async Task A_damaged_frame_of_the_store_is_not_kept()
    {
        var manifest = await MakeAsync("a/", 1);
        foreach (string pack in manifest.Packs())
        {
            byte[] bytes = (await _bucket.GetAsync("a/" + pack))!.Content;
            await _bucket.PutAsync("a/" + pack, new byte[bytes.Length]);
        }

        var frames = new FrameReader(new PrefixedObjectStore(_bucket, "a/", ownsInner: false)) { Cache = Open(manifest) };
        await Assert.ThrowsAsync<DamagedObjectException>(() => frames.ReadPackAsync(manifest.Boot!.Pack, manifest.Boot.Frames));
        foreach (var frame in manifest.Entries.SelectMany(e => e.Runs).Select(r => r.Frame).Distinct())
        {
            await Assert.ThrowsAsync<DamagedObjectException>(() => frames.ReadAsync(frame));
        }

        Assert.Empty(Kept);
    }

    [Fact]
    public void Files_of_one_length_that_were_exchanged_are_not_taken()
    {
        var cache = FrameCache.Open(Options, Guid.NewGuid(), null, _reports.Add)!;
        PageFrame first = new("pack/1", 0, 100, 1, 7), second = first with { Offset = 100 };
        cache.Add(first, new byte[100]);
        cache.Add(second, Enumerable.Repeat((byte)1, 100).ToArray());
        Assert.NotNull(cache.Read(first));
        Assert.NotNull(cache.Read(second));
        string[] files = Kept;
        byte[] other = File.ReadAllBytes(files[1]);
        File.Copy(files[0], files[1], overwrite: true);
        File.WriteAllBytes(files[0], other);
        Assert.Null(cache.Read(first));
        Assert.Null(cache.Read(second));
        Assert.Empty(Kept);
    }

    [Fact]
    public async Task A_branch_begins_with_what_is_kept_of_its_origin()
    {
        var origin = await MakeAsync("a/", 1);
        int without = await ReadAsync("a/", origin, 1);
        await new Branching(_bucket, "a/", "b/").RunAsync(null, default);
        var entry = Assert.Single((await _bucket.ListAsync("b/" + Keys.Manifests)).Entries);
        var cluster = FormatObject.Decode((await _bucket.GetAsync("b/" + Keys.Format))!.Content).Cluster;
        var branch = Manifest.Decode((await _bucket.GetAsync(entry.Key))!.Content, cluster, Keys.NumberIn(entry.Key["b/".Length..], Keys.Manifests));
        Assert.All(branch.Packs(), p => Assert.StartsWith("/a/", p, StringComparison.Ordinal));
        Assert.Equal(0, await ReadAsync("b/", branch, 1));

        // With an image of its own, it is not said any more whose they are: then they are the branch's.
        Assert.Equal(without, await ReadAsync("b/", branch with { Origin = null }, 1));
        Assert.Equal(0, await ReadAsync("b/", branch with { Origin = null }, 1));
    }

    [Fact]
    public async Task Its_size_is_kept_and_what_was_used_last_stays()
    {
        const int Limit = 1 << 20;
        var manifest = await MakeAsync("a/", 1);
        var options = Options with { CacheBytes = Limit };
        FrameCache cache = FrameCache.Open(options, manifest.Cluster, null, _reports.Add)!, other = FrameCache.Open(options, Guid.NewGuid(), null, _reports.Add)!;
        string notes = Path.Combine(options.CacheDirectory!, "notes.txt"), leftover = Path.Combine(options.CacheDirectory!, "0.frame-unfinished"), busy = Path.Combine(options.CacheDirectory!, "1.frame-unfinished");
        foreach (string file in (string[])[notes, leftover, busy])
        {
            File.WriteAllBytes(file, new byte[100_000]);
        }

        File.SetLastWriteTimeUtc(notes, DateTime.UnixEpoch);
        File.SetLastWriteTimeUtc(leftover, DateTime.UtcNow.AddHours(-2));
        cache.Add(Frame(-1), new byte[20_000]);
        for (int i = 0; i < 300; i++)
        {
            (i % 2 == 0 ? cache : other).Add(Frame(i), new byte[20_000]);
            foreach (string file in Kept.Where(f => File.GetLastWriteTimeUtc(f) > DateTime.UtcNow.AddMinutes(-30)))
            {
                SetOld(file, DateTime.UtcNow.AddDays(-1).AddMinutes(i));
            }

            Assert.NotNull(cache.Read(Frame(-1)));
            await Wait.UntilAsync(() => Task.FromResult(Kept.Sum(Taken) <= Limit), "what was used the longest ago is removed");
        }

        Assert.InRange(Kept.Sum(Taken), Limit / 2, Limit);
        Assert.NotNull(other.Read(Frame(299)));
        Assert.Null(cache.Read(Frame(0)));
        Assert.True(File.Exists(notes) && File.Exists(busy) && !File.Exists(leftover));
        Assert.Empty(_reports);

        static PageFrame Frame(int i) => new("pack/1", (i + 1) * 20_000, 20_000, 8, 7);
        static long Taken(string file) => new FileInfo(file) is { Exists: true } info ? info.Length : 0;
        static void SetOld(string file, DateTime time)
        {
            try
            {
                File.SetLastWriteTimeUtc(file, time);
            }
            catch (FileNotFoundException)
            {
                // It has just been removed.
            }
        }
    }

    [Fact]
    public async Task Many_at_once_may_have_one_directory_that_is_too_small_for_any()
    {
        var first = await MakeAsync("a/", 1);
        var second = await MakeAsync("b/", 2);
        var options = Options with { CacheBytes = 1 << 20 };
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            for (int n = 0; n < 5; n++)
            {
                await (i % 2 == 0 ? ReadAsync("a/", first, 1, options) : ReadAsync("b/", second, 2, options));
            }
        })));
        Assert.Empty(_reports);
    }

    // Ones, the last four bytes such that all have a checksum: each bit changes it by an amount that does not depend on the others.
    static byte[] OfChecksum(uint checksum, int length)
    {
        byte[] bytes = [.. Enumerable.Repeat((byte)255, length)];
        uint missing = checksum ^ Crc32C.Compute(bytes), flipped = 0;
        var changes = new List<(uint Sum, uint Bits)>(); // each with a highest bit that no later one has
        for (int bit = 0; bit < 32; bit++)
        {
            bytes[length - 4 + (bit / 8)] ^= (byte)(1 << (bit % 8));
            (uint sum, uint bits) = (Crc32C.Compute(bytes), 1u << bit);
            bytes[length - 4 + (bit / 8)] ^= (byte)(1 << (bit % 8));
            sum ^= Crc32C.Compute(bytes);
            foreach (var change in changes.Where(c => (sum ^ c.Sum) < sum))
            {
                (sum, bits) = (sum ^ change.Sum, bits ^ change.Bits);
            }

            changes.Add((sum, bits));
        }

        foreach (var change in changes.OrderByDescending(c => c.Sum).Where(c => (missing ^ c.Sum) < missing))
        {
            (missing, flipped) = (missing ^ change.Sum, flipped ^ change.Bits);
        }

        for (int bit = 0; bit < 32; bit++)
        {
            bytes[length - 4 + (bit / 8)] ^= (byte)((flipped >> bit & 1) << (bit % 8));
        }

        return bytes;
    }

    FrameCache Open(Manifest manifest) => FrameCache.Open(Options, manifest.Cluster, manifest.Origin, _reports.Add)!;

    // A cluster with an image and a boot pack.
    async Task<Manifest> MakeAsync(string prefix, int seed, BucketOptions? options = null)
    {
        var store = new PrefixedObjectStore(_bucket, prefix, ownsInner: false);
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        var frames = new FrameReader(store) { Cache = FrameCache.Open(options ?? s_options, log.Cluster, null, _reports.Add) };
        var files = new BucketFileSystem(frames, _directory.Path);
        await using var shipper = new LogShipper(store, log, s_options);
        files.Log = shipper;
        FileTree.WriteAll(files, "/a", Content(seed), 0x180, sync: false);
        FileTree.WriteAll(files, "/b", Content(seed + 100).AsSpan(0, 30_000).ToArray(), 0x180, sync: false);
        FileTree.ReadAll(files, "/b");
        shipper.Note(new LogPart.Removed("/something to have an image for"));
        var images = new ImageWriter(store, log, files, shipper);
        await images.WriteAsync(withBootPack: true);
        files.Free();
        return Manifest.Decode((await store.GetAsync(Keys.Manifest(images.Newest)))!.Content, log.Cluster, images.Newest);
    }

    // Reads everything, as a life does; returns how often a pack was read.
    async Task<int> ReadAsync(string prefix, Manifest manifest, int seed, BucketOptions? options = null, Action? midway = null)
    {
        var reads = new PackReads(new PrefixedObjectStore(_bucket, prefix, ownsInner: false));
        var frames = new FrameReader(reads.Store) { Cache = FrameCache.Open(options ?? Options, manifest.Cluster, manifest.Origin, _reports.Add) };
        var files = new BucketFileSystem(frames, _directory.Path);
        try
        {
            files.Load(manifest);
            await files.LoadAsync(manifest.Boot!);
            midway?.Invoke();
            Assert.True(Content(seed + 100).AsSpan(0, 30_000).SequenceEqual(FileTree.ReadAll(files, "/b")));
            Assert.True(Content(seed).AsSpan().SequenceEqual(FileTree.ReadAll(files, "/a")));
            return reads.Packs;
        }
        finally
        {
            files.Free();
        }
    }

    static byte[] Content(int seed)
    {
        var bytes = new byte[Length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
