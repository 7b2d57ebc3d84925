using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Log;

/// <summary>What the hint of a clean close lets be known before the store has said whose the log is.</summary>
public class PredictionTests
{
    static readonly BucketOptions s_options = new() { PutsPerSecond = 0, TakeOver = true };

    [Fact]
    public async Task Behind_a_close_what_is_returned_is_known_before_the_store_decides()
    {
        var store = new MemoryObjectStore();
        long image = await MakeClosedAsync(store);
        var predicted = new TaskCompletionSource<OpenedLog>(TaskCreationOptions.RunContinuationsAsynchronously);
        var requests = new List<(string, string)>();
        var held = new WatchedStore(store, async (request, key) =>
        {
            lock (requests)
            {
                requests.Add((request, key));
            }

            if (key is not (Keys.Format or Keys.Head))
            {
                await Wait.ForAsync(predicted.Task, "it is known");
            }
        });
        ReadOnlyMemory<byte> boot = default;
        var log = await new LogOpening(held, s_options)
        {
            BootPackHinted = (_, copy) => boot = copy,
            Predicted = predicted.SetResult,
            ManifestFound = _ => Assert.Fail("it was predicted"),
        }.OpenAsync(default);
        var early = await predicted.Task;
        Assert.Same(early.Manifest, log.Manifest);
        Assert.Equal((image, image + 2, image + 3), (log.Manifest!.Sequence, log.Token, log.NextSequence));
        Assert.Equal((early.Cluster, early.Token, early.NextSequence), (log.Cluster, log.Token, log.NextSequence));
        Assert.Equal((0, 0), (early.Tail.Count, log.Tail.Count));
        Assert.Equal(s_boot, boot.ToArray());
        Assert.Equal(
            [("create", Keys.LogRecord(image + 2)), ("get", Keys.Format), ("get", Keys.Head), ("list", Keys.Log), ("list", Keys.Manifests)], requests.Order());
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_prediction_from_a_hint_that_is_out_of_date_is_not_what_is_returned(bool isClosedAgain)
    {
        var store = new MemoryObjectStore();
        await MakeClosedAsync(store);
        byte[] hint = (await store.GetAsync(Keys.Head))!.Content;
        if (isClosedAgain)
        {
            await MakeClosedAsync(store);
        }
        else
        {
            await using var shipper = new LogShipper(store, await new LogOpening(store, s_options).OpenAsync(default), s_options);
            shipper.Note(new LogPart.Removed("later"));
            Assert.True(await Task.Run(() => shipper.WaitUntilDurable(shipper.Seal())));
        }

        await store.PutAsync(Keys.Head, hint);
        OpenedLog? early = null;
        var log = await new LogOpening(store, s_options) { Predicted = p => early = p }.OpenAsync(default);
        Assert.NotEqual(early!.Token, log.Token);
        Assert.True(isClosedAgain ? log.Manifest!.Sequence > early.Manifest!.Sequence : log.Tail.Count > 0);
    }

    [Fact]
    public async Task Of_several_who_predict_the_same_it_holds_for_one()
    {
        var options = s_options with { TakeOver = false };
        for (int round = 0; round < 20; round++)
        {
            var store = new MemoryObjectStore();
            long image = await MakeClosedAsync(store);
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                try
                {
                    OpenedLog? early = null;
                    var log = await new LogOpening(store, options) { Predicted = p => early = p }.OpenAsync(default);
                    return (early!.Token, log.Token);
                }
                catch (BucketException e) when (e.Error is BucketError.InUse or BucketError.Fenced)
                {
                    return (image + 2, 0L);
                }
            })));

            // Who looks when the fence is there already, and nobody alive, takes it over.
            Assert.Equal(1, outcomes.Count(o => o == (image + 2, image + 2)));
            Assert.All(outcomes, o => Assert.Equal(image + 2, o.Item1));
            var tokens = outcomes.Select(o => o.Item2).Where(t => t != 0).ToList();
            Assert.Equal(tokens.Count, tokens.Distinct().Count());
        }
    }

    [Theory, InlineData("flipped"), InlineData("another cluster"), InlineData("another image"), InlineData("none"), InlineData("open")]
    public async Task A_copy_that_cannot_be_used_is_as_none(string what)
    {
        var store = new MemoryObjectStore();
        long image = await MakeClosedAsync(store);
        var head = Head.Decode((await store.GetAsync(Keys.Head))!.Content)!;
        byte[] copy = head.Manifest.ToArray();
        copy[^9] ^= 1;
        await store.PutAsync(Keys.Head, (what switch
        {
            "flipped" => head with { Manifest = copy },
            "another cluster" => head with { Manifest = new Manifest(Guid.NewGuid(), image, 1, DateTime.UtcNow, 1, 1, [], null).Encode() },
            "another image" => head with { Manifest = new Manifest(await ClusterAsync(store), image - 1, 1, DateTime.UtcNow, 1, 1, [], null).Encode() },
            "none" => head with { Manifest = default },
            _ => head with { IsClosed = false },
        }).Encode());
        Manifest? found = null;
        var log = await new LogOpening(store, s_options) { Predicted = _ => Assert.Fail("from that?"), ManifestFound = m => found = m }.OpenAsync(default);
        Assert.Equal((image, image + 2), (log.Manifest!.Sequence, log.Token));
        Assert.Same(log.Manifest, found);
    }

    [Fact]
    public async Task A_manifest_that_is_missing_behind_its_copy_is_named()
    {
        var store = new MemoryObjectStore();
        long image = await MakeClosedAsync(store);
        await store.DeleteAsync(Keys.Manifest(image));
        var error = await Assert.ThrowsAsync<DamagedObjectException>(() => new LogOpening(store, s_options) { Predicted = _ => { } }.OpenAsync(default));
        Assert.Equal(Keys.Manifest(image), error.Key);
    }

    [Fact]
    public async Task What_is_held_is_sent_when_it_is_released_and_never_when_it_is_given_up()
    {
        var store = new MemoryObjectStore();
        foreach (bool isReleased in (bool[])[true, false])
        {
            var log = await new LogOpening(store, s_options).OpenAsync(default);
            await using var shipper = new LogShipper(store, log, s_options, isHeld: true);
            shipper.Note(new LogPart.Removed($"{isReleased}"));
            long ticket = shipper.Seal();
            var durable = Task.Run(() => shipper.WaitUntilDurable(ticket));
            Assert.Null(shipper.WaitUntilTaken(TimeSpan.FromMilliseconds(1)));
            var mine = Task.Run(() => shipper.WaitUntilTaken(Wait.Deadline));
            shipper.Cut();
            Assert.False(shipper.Wait(ticket, TimeSpan.FromMilliseconds(20)));
            Assert.DoesNotContain((await store.ListAsync(Keys.Log)).Entries, e => e.Key == Keys.LogRecord(log.NextSequence));
            Assert.False(durable.IsCompleted || mine.IsCompleted);
            if (isReleased)
            {
                shipper.Release();
            }
            else
            {
                shipper.GiveUp();
            }

            Assert.Equal(isReleased, await Wait.ForAsync(durable, "what is noted is stored or never will be"));
            Assert.Equal(isReleased, await Wait.ForAsync(mine, "it is known whose the log is"));
            Assert.Equal(isReleased, shipper.WaitUntilTaken(Wait.Deadline));
        }

        Assert.Equal([$"{true}"], (await new LogOpening(store, s_options).OpenAsync(default)).Tail.SelectMany(r => r.Parts).OfType<LogPart.Removed>().Select(p => p.Path));
    }

    static readonly byte[] s_boot = [1, 2, 3];

    static async Task<Guid> ClusterAsync(MemoryObjectStore store) => FormatObject.Decode((await store.GetAsync(Keys.Format))!.Content).Cluster;

    // As a clean stop leaves it. Returns the image's number.
    static async Task<long> MakeClosedAsync(MemoryObjectStore store)
    {
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        await using var shipper = new LogShipper(store, log, s_options);
        shipper.Note(new LogPart.Removed("before"));
        long image = shipper.Cut();
        await shipper.ConfirmedAsync(image);
        byte[] manifest = new Manifest(log.Cluster, image, log.Token, DateTime.UtcNow, 1, 1, [], null).Encode();
        Assert.True(await store.CreateAsync(Keys.Manifest(image), manifest));
        Assert.Equal(image + 1, await shipper.CloseAsync());
        await store.PutAsync(Keys.Head, new Head(image, IsClosed: true, "pack/boot") { Manifest = manifest, Boot = s_boot }.Encode());
        return image;
    }
}
