using System.Globalization;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Log;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.Testing;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Log;

/// <summary>The log's protocol: one writer, one history, nothing acknowledged is lost.</summary>
public class LogTests(ITestOutputHelper output)
{
    static readonly BucketOptions s_options = new() { PutsPerSecond = 0, TakeOver = true };

    [Fact]
    public async Task Of_openers_at_once_one_history_remains()
    {
        const int Openers = 4;
        int races = Number("POCKETGRES_BUCKET_RACES", 30 * Openers);
        for (int round = 0; round < races / Openers; round++)
        {
            var store = new MemoryObjectStore();
            if (round % 2 == 1)
            {
                await MakeClosedAsync(store);
            }

            var writers = await Task.WhenAll(Enumerable.Range(0, Openers).Select(i => Task.Run(() => TryOpenAsync(store, seed: (round * 10) + i))));
            var shippers = writers.OfType<OpenedLog>().Select(log => (Log: log, Shipper: new LogShipper(store, log, s_options))).ToList();
            var durable = new List<string>();
            foreach (var (log, shipper) in shippers)
            {
                string text = $"{round}/{log.Token}";
                shipper.Note(new LogPart.Removed(text));
                long ticket = shipper.Seal();
                if (await Task.Run(() => shipper.WaitUntilDurable(ticket)))
                {
                    durable.Add(text);
                }
            }

            Assert.Single(durable); // the one with the last fence; all others have learned that they are not it
            foreach (var (_, shipper) in shippers)
            {
                await shipper.DisposeAsync();
            }

            Assert.Equal(durable, Texts(await new LogOpening(store, s_options).OpenAsync(default)));
        }

        output.WriteLine($"{races} openers, {races / Openers} winners");
    }

    [Fact]
    public async Task What_was_durable_is_read_whatever_goes_wrong()
    {
        int first = Number("POCKETGRES_SEED", Environment.TickCount & 0xFFFFF), runs = Runs(20);
        output.WriteLine($"POCKETGRES_SEED={first}");
        int lives = 0, parts = 0;
        for (int seed = first; seed < first + runs; seed++)
        {
            var random = new Random(seed);
            var kept = new MemoryObjectStore();
            var faults = new FaultOptions { Refused = 0.1, Lost = 0.1, Repeated = 0.1, Delayed = 0.3, Delay = TimeSpan.FromMilliseconds(random.Next(1, 6)) };
            var zombies = new List<LogShipper>();
            var history = new List<string>(); // what the next opener must read, in this order, with others behind
            for (int life = 0; life < 6; life++, lives++)
            {
                var store = new RetryingObjectStore(new FaultyObjectStore(kept, random.Next(), faults), Timeout.InfiniteTimeSpan);
                var log = await new LogOpening(store, s_options).OpenAsync(default);
                var found = Texts(log);
                Assert.True(history.SequenceEqual(found.Take(history.Count)), $"seed {seed}: {string.Join(',', history)} | {string.Join(',', found)}");
                history = found;
                int unread = history.Count;
                var shipper = new LogShipper(store, log, s_options with { InFlight = random.Next(1, 9) });
                var noted = new List<(string Text, long Ticket)>();
                int count = random.Next(60);
                for (int i = 0; i < count; i++, parts++)
                {
                    string text = string.Create(CultureInfo.InvariantCulture, $"{life}.{i}");
                    shipper.Note(new LogPart.Removed(text));
                    noted.Add((text, shipper.Seal()));
                    if (random.Next(4) == 0)
                    {
                        shipper.Wait(noted[^1].Ticket, TimeSpan.FromMilliseconds(random.Next(8)));
                    }
                }

                // What is durable now must be there later; what is not may be.
                history.AddRange(noted.TakeWhile(n => shipper.Wait(n.Ticket, TimeSpan.Zero)).Select(n => n.Text));
                Assert.True(history.Count >= unread);
                if (random.Next(2) == 0)
                {
                    await shipper.DisposeAsync(); // the process is gone; its last requests may still arrive
                }
                else
                {
                    zombies.Add(shipper); // it hangs for a while and goes on
                    shipper.Note(new LogPart.Removed("zombie"));
                }
            }

            foreach (var zombie in zombies)
            {
                zombie.Seal();
            }

            var last = await new LogOpening(new RetryingObjectStore(kept, Timeout.InfiniteTimeSpan), s_options).OpenAsync(default);
            Assert.True(history.SequenceEqual(Texts(last).Take(history.Count)), $"seed {seed}: the last");
            foreach (var zombie in zombies)
            {
                zombie.Note(new LogPart.Removed("too late"));
                long ticket = zombie.Seal();
                Assert.False(zombie.WaitUntilDurable(ticket));
                await zombie.DisposeAsync();
            }

            Assert.DoesNotContain("too late", Texts(await new LogOpening(kept, s_options).OpenAsync(default)));
        }

        output.WriteLine($"{lives} lives, {parts} parts");
    }

    [Fact]
    public async Task Many_commits_share_a_record_and_none_needs_two()
    {
        var store = new MeteredObjectStore(new FaultyObjectStore(new MemoryObjectStore(), 1, new FaultOptions { Latency = TimeSpan.FromMilliseconds(5) }));
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        await using var shipper = new LogShipper(store, log, s_options);
        long before = store.Puts;
        const int Writers = 8, Commits = 25;
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(() =>
        {
            for (int i = 0; i < Commits; i++)
            {
                shipper.Note(new LogPart.Removed($"{w}.{i}"));
                Assert.True(shipper.WaitUntilDurable(shipper.Seal()));
            }
        })));
        Assert.InRange(store.Puts - before, Commits, Writers * Commits);
    }

    [Fact]
    public async Task With_a_limit_of_requests_what_waits_goes_together()
    {
        var store = new MeteredObjectStore(new MemoryObjectStore());
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        await using var shipper = new LogShipper(store, log, s_options with { PutsPerSecond = 1 });
        long before = store.Puts, ticket = 0;
        for (int i = 0; i < 500; i++)
        {
            shipper.Note(new LogPart.Removed($"{i}"));
            ticket = shipper.Seal();
            shipper.Wait(ticket, TimeSpan.Zero); // a commit, which is wanted at once
        }

        Assert.True(await Task.Run(() => shipper.WaitUntilDurable(ticket)));
        Assert.InRange(store.Puts - before, 2, 20); // ten at once, and one a second
    }

    [Fact]
    public async Task What_nobody_waits_for_goes_with_the_next_commit_or_by_itself()
    {
        var store = new MeteredObjectStore(new MemoryObjectStore());
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        await using var shipper = new LogShipper(store, log, s_options);
        long before = store.Puts;
        for (int i = 0; i < 10; i++)
        {
            shipper.Note(new LogPart.Removed($"{i}"));
            shipper.Seal();
        }

        Assert.True(await Task.Run(() => shipper.WaitUntilDurable(shipper.Seal())));
        Assert.Equal(1, store.Puts - before);
        shipper.Note(new LogPart.Removed("alone"));
        shipper.Seal();
        await shipper.ConfirmedAsync(log.NextSequence + 1); // and nobody has asked for it
    }

    [Fact]
    public async Task Who_waits_for_a_record_takes_no_thread_that_the_store_s_answer_needs()
    {
        var answer = new TaskCompletionSource();
        using var memory = new MemoryObjectStore();
        var log = await new LogOpening(memory, s_options).OpenAsync(default);
        await using var shipper = new LogShipper(new WatchedStore(memory, (_, _) => answer.Task), log, s_options);
        shipper.Note(new LogPart.Removed("x"));
        long sequence = shipper.Cut();
        List<Task> waits = [];
        bool otherWorkWasDone = false;
        var thread = new Thread(() => // not one of the pool's, whose work goes before that of others, and which might all be taken
        {
            waits.AddRange(Enumerable.Range(0, 1000).Select(_ => shipper.ConfirmedAsync(sequence)));
            otherWorkWasDone = Task.Run(() => { }).Wait(TimeSpan.FromSeconds(60)); // the pool makes one or two threads a second
            answer.SetResult();
        });
        thread.Start();
        thread.Join();
        Assert.True(otherWorkWasDone);
        await Task.WhenAll(waits);

        // Nor does anybody wait for ever.
        var never = shipper.ConfirmedAsync(sequence + 1);
        Assert.False(never.IsCompleted);
        shipper.GiveUp();
        Assert.Equal(BucketError.Store, (await Assert.ThrowsAsync<BucketException>(() => never)).Error);
    }

    [Fact]
    public void Those_on_their_way_are_spread_over_a_round_trip()
    {
        var pace = new PutPace(0, 8);
        Assert.True(pace.TryTake(0, out _));
        Assert.True(pace.TryTake(7, out _)); // nothing is known of the store yet
        pace.Took(TimeSpan.FromMinutes(10)); // it was away: counts as a second
        Assert.False(pace.TryTake(7, out int pause));
        Assert.InRange(pause, 1, 110);
        Assert.True(pace.TryTake(0, out _)); // who is alone waits for nobody
    }

    [Fact]
    public async Task A_closed_log_needs_no_fillers_and_an_open_one_does()
    {
        var store = new MemoryObjectStore();
        var first = await new LogOpening(store, s_options).OpenAsync(default);
        Assert.Equal((1, 2), (first.Token, first.NextSequence));
        await using (var shipper = new LogShipper(store, first, s_options))
        {
            shipper.Note(new LogPart.Removed("a"));
            shipper.Cut();
            await shipper.CloseAsync();
        }

        var second = await new LogOpening(store, s_options).OpenAsync(default);
        Assert.Equal((4, 5), (second.Token, second.NextSequence));
        var third = await new LogOpening(store, s_options).OpenAsync(default);
        Assert.Equal((5, 5 + BucketOptions.Window), (third.Token, third.NextSequence));
    }

    [Fact]
    public async Task Behind_a_close_everything_that_the_hint_tells_is_asked_for_at_once()
    {
        var store = new MemoryObjectStore();
        long image = await MakeClosedAsync(store);
        HashSet<(string, string)> together =
            [("get", Keys.Manifest(image)), ("list", Keys.Manifests), ("list", Keys.Log), ("create", Keys.LogRecord(image + 2)), ("get", "pack/boot")], missing = [.. together];
        var allMade = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new WatchedStore(store, async (request, key) =>
        {
            if (!together.Contains((request, key)))
            {
                return;
            }

            lock (missing)
            {
                if (missing.Remove((request, key)) && missing.Count == 0)
                {
                    allMade.SetResult();
                }
            }

            await Wait.ForAsync(allMade.Task, "all of them are asked for");
        });
        var log = await new LogOpening(held, s_options) { BootPackHinted = (pack, copy) => _ = held.GetAsync(pack) }.OpenAsync(default);
        Assert.Equal((image + 2, image + 3), (log.Token, log.NextSequence));
    }

    [Fact]
    public async Task A_hint_from_before_what_was_removed_leaves_no_fence()
    {
        var store = new MemoryObjectStore();
        long old = await MakeClosedAsync(store);
        byte[] hint = (await store.GetAsync(Keys.Head))!.Content;
        long image = await MakeClosedAsync(store);
        Assert.True(image > old + 2);
        foreach (var entry in (await store.ListAsync(Keys.Log)).Entries.Where(e => Keys.NumberIn(e.Key, Keys.Log) <= image))
        {
            await store.DeleteAsync(entry.Key); // as a collection does
        }

        await store.PutAsync(Keys.Head, hint);
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        Assert.Equal(image, log.Manifest!.Sequence);
        Assert.Equal(image + 2, log.Token);
        Assert.All((await store.ListAsync(Keys.Log)).Entries, e => Assert.InRange(Keys.NumberIn(e.Key, Keys.Log), image + 1, image + 2));
    }

    [Fact]
    public async Task A_close_that_is_missing_behind_the_image_that_the_hint_names_costs_nothing()
    {
        var store = new MemoryObjectStore();
        long image = await MakeClosedAsync(store);
        await store.DeleteAsync(Keys.LogRecord(image + 1));
        var first = await new LogOpening(store, s_options).OpenAsync(default);
        Assert.Equal(image + 1, first.Token);
        await using (var shipper = new LogShipper(store, first, s_options))
        {
            shipper.Note(new LogPart.Removed("kept"));
            Assert.True(await Task.Run(() => shipper.WaitUntilDurable(shipper.Seal())));
        }

        Assert.Equal(["kept"], Texts(await new LogOpening(store, s_options).OpenAsync(default)));
    }

    [Fact]
    public async Task Who_is_alive_is_not_taken_over_unless_asked()
    {
        var store = new MemoryObjectStore();
        var first = await new LogOpening(store, s_options).OpenAsync(default);
        await store.PutAsync(Keys.Holder(first.Token), "host=elsewhere\npid=1\n"u8.ToArray());
        var courteous = s_options with { TakeOver = false, HeartbeatLimit = TimeSpan.FromMinutes(5) };
        var opening = Task.Run(() => new LogOpening(store, courteous).OpenAsync(default));
        while (!opening.IsCompleted)
        {
            await store.PutAsync(Keys.Holder(first.Token), "host=elsewhere\npid=1\n"u8.ToArray());
            await Task.WhenAny(opening, Task.Delay(50));
        }

        Assert.Equal(BucketError.InUse, (await Assert.ThrowsAsync<BucketException>(() => opening)).Error);
        await new LogOpening(store, courteous with { HeartbeatLimit = TimeSpan.Zero }).OpenAsync(default);
    }

    [Fact]
    public async Task A_missing_record_is_found_and_named()
    {
        var store = new MemoryObjectStore();
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        await store.PutAsync(Keys.Head, "7"u8.ToArray());
        var error = await Assert.ThrowsAsync<DamagedObjectException>(() => new LogOpening(store, s_options).OpenAsync(default));
        Assert.Equal(Keys.Manifest(7), error.Key);
        Assert.Equal(1, log.Token);
    }

    // As a clean stop leaves it: an image, a record that closes the log, and the hint. Returns the image's number.
    static async Task<long> MakeClosedAsync(MemoryObjectStore store)
    {
        var log = await new LogOpening(store, s_options).OpenAsync(default);
        await using var shipper = new LogShipper(store, log, s_options);
        shipper.Note(new LogPart.Removed("before"));
        long image = shipper.Cut();
        await shipper.ConfirmedAsync(image);
        var manifest = new Manifest(log.Cluster, image, log.Token, DateTime.UtcNow, 1, 1, [], null);
        Assert.True(await store.CreateAsync(Keys.Manifest(image), manifest.Encode()));
        Assert.Equal(image + 1, await shipper.CloseAsync());
        await store.PutAsync(Keys.Head, new Head(image, IsClosed: true, "pack/boot").Encode());
        return image;
    }

    static List<string> Texts(OpenedLog log) => [.. log.Tail.SelectMany(r => r.Parts).OfType<LogPart.Removed>().Select(p => p.Path)];

    static async Task<OpenedLog?> TryOpenAsync(IObjectStore store, int seed)
    {
        try
        {
            var faulty = new FaultyObjectStore(store, seed, new FaultOptions { Delayed = 0.7, Delay = TimeSpan.FromMilliseconds(3) });
            return await new LogOpening(faulty, s_options).OpenAsync(default);
        }
        catch (BucketException e) when (e.Error == BucketError.Fenced)
        {
            return null;
        }
    }

    static int Runs(int otherwise) => Number("POCKETGRES_BUCKET_RUNS", otherwise);

    static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value : otherwise;
}
