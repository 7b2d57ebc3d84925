using System.Globalization;
using Pocketgres.Bucket.History;
using Pocketgres.Bucket.Log;
using Pocketgres.Bucket.Tests.Stores;
using Xunit.Abstractions;

namespace Pocketgres.Bucket.Tests.Collection;

/// <summary>What a collection removes and what it must not, whoever does what meanwhile.</summary>
public class CollectorTests(ITestOutputHelper output)
{
    const string Main = "main/";

    [Fact]
    public async Task What_is_older_than_the_retention_goes_and_the_rest_stays()
    {
        using var world = new CollectedWorld(1);
        for (int day = 0; day < 20; day++)
        {
            var life = await world.OpenAsync(Main);
            for (int i = 0; i < 3; i++)
            {
                life.Write();
                await life.ImageAsync();
                world.Now += TimeSpan.FromHours(1);
            }

            await life.CloseAsync();
            world.Now += TimeSpan.FromHours(21);
        }

        var before = new Inventory(await world.At(Main).ListAsync(""));
        var result = await world.CollectAsync(Main);
        var after = new Inventory(await world.At(Main).ListAsync(""));
        await world.CheckAsync(Main);
        Assert.Equal((before.Images.Count - after.Images.Count, before.Log.Count - after.Log.Count, before.Packs.Count - after.Packs.Count),
            (result.Images, result.Records, result.Packs));
        Assert.InRange(after.Images.Count, 8 * 4, 9 * 4); // a week and a day of grace
        Assert.InRange(after.Log[0].Number, after.Images[0].Number, after.Images[0].Number); // every log was closed: no fence has to stay
        Assert.InRange(after.Packs.Count, 1, before.Packs.Count / 2);
        Assert.True(after.Images[0].Entry.LastModified <= world.Now - CollectedWorld.Retention);

        var none = await world.CollectAsync(Main);
        Assert.Equal((0, 0, 0), (none.Images, none.Records, none.Packs));
        await using var shipper = (await world.OpenAsync(Main)).Shipper;
    }

    [Fact]
    public async Task A_writer_that_stood_still_for_weeks_acknowledges_nothing()
    {
        using var world = new CollectedWorld(2);
        var still = await world.OpenAsync(Main);
        await still.ImageAsync();
        Assert.True(await still.TryCommitAsync());
        await RunForWeeksAsync(world);
        await world.CollectAsync(Main);
        Assert.False(await still.TryCommitAsync());
        await world.CheckAsync(Main);
    }

    [Fact]
    public async Task An_image_that_a_fenced_writer_makes_weeks_later_counts_for_nothing()
    {
        using var world = new CollectedWorld(3);
        var still = await world.OpenAsync(Main);
        still.Write();
        await still.ImageAsync();
        still.Write();
        using var goOn = new ManualResetEventSlim();
        var stands = new TaskCompletionSource();
        still.Step = step =>
        {
            if (step == "manifest")
            {
                stands.SetResult();
                goOn.Wait();
            }
        };
        var making = Task.Run(() => still.ImageAsync());
        await stands.Task;
        var next = await world.OpenAsync(Main); // and makes no image: nothing may be taken from the one that stands still
        world.Now += TimeSpan.FromDays(2);
        await world.CollectAsync(Main);
        next.Write();
        await next.ImageAsync();
        world.Now += TimeSpan.FromDays(2);
        Assert.True((await world.CollectAsync(Main)).Packs > 0);
        goOn.Set();
        await making;
        await world.CheckAsync(Main);
        var all = new Inventory(await world.At(Main).ListAsync(""));
        Assert.Equal(all.Manifests.Count - 1, all.Images.Count);
        await world.OpenAsync(Main);
    }

    [Fact]
    public async Task Who_stood_still_while_it_opened_the_cluster_does_not_get_it()
    {
        using var world = new CollectedWorld(4);
        var first = await world.OpenAsync(Main);
        await first.CloseAsync();
        var reached = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        var store = world.At(Main, new WatchedStore(world.Bucket, async (kind, key) =>
        {
            if (kind == "create" && key.Contains("log/", StringComparison.Ordinal) && reached.TrySetResult())
            {
                await goOn.Task;
            }
        }));
        var opening = new LogOpening(store, CollectedWorld.Options).OpenAsync(default);
        await reached.Task;
        await RunForWeeksAsync(world);
        await world.CollectAsync(Main);
        goOn.SetResult();
        var log = await opening;
        Assert.True(log.Token < (await world.OpenAsync(Main)).Token);
        Assert.Equal(BucketError.Fenced, (await Assert.ThrowsAsync<BucketException>(() => LogOpening.ThrowIfCollectedAsync(store, log, default))).Error);
    }

    [Fact]
    public async Task What_a_branch_reads_stays_until_the_branch_is_gone()
    {
        using var world = new CollectedWorld(5);
        var life = await world.OpenAsync(Main);
        life.Write();
        await life.ImageAsync();
        life.Note();
        await new Branching(world.Bucket, Main, "branch/").RunAsync(null, default);
        await RunForWeeksAsync(world);
        await world.CollectAsync(Main);
        await world.CheckAsync("branch/");
        var branch = await world.OpenAsync("branch/");
        branch.Write();
        await branch.CloseAsync();
        await new Branching(world.Bucket, "branch/", "second/").RunAsync(null, default);
        await RunForWeeksAsync(world);

        // The branch needs nothing of its beginning any more, and its branch does.
        foreach (string prefix in new[] { "branch/", Main })
        {
            Assert.True((await world.CollectAsync(prefix)).Branches > 0);
        }

        await world.CheckAsync("second/");
        foreach (string prefix in new[] { "branch/", "second/" })
        {
            foreach (var entry in (await world.Bucket.ListAsync(prefix)).Entries)
            {
                await world.Bucket.DeleteAsync(entry.Key);
            }
        }

        Assert.True((await world.CollectAsync(Main)).Packs > 0);
        world.Now += TimeSpan.FromDays(2);
        await world.CollectAsync(Main);
        Assert.Empty(new Inventory(await world.At(Main).ListAsync("")).Markers);
        await world.CheckAsync(Main);
    }

    [Fact]
    public async Task Packs_of_which_little_is_read_are_given_up()
    {
        using var world = new CollectedWorld(6);
        var life = await world.OpenAsync(Main);
        for (int i = 0; i < 60; i++)
        {
            life.Write();
            await life.ImageAsync();
        }

        world.Now += TimeSpan.FromDays(30);
        await life.ImageAsync();
        world.Now += TimeSpan.FromDays(10);
        var sparse = (await world.CollectAsync(Main)).Sparse;
        Assert.NotEmpty(sparse);
        await life.ImageAsync(sparse);
        world.Now += TimeSpan.FromDays(10);
        Assert.InRange((await world.CollectAsync(Main)).Packs, sparse.Count, int.MaxValue);
        var all = new Inventory(await world.At(Main).ListAsync(""));
        Assert.DoesNotContain(all.Packs, p => sparse.Contains(p.Entry.Key));
        Assert.InRange(all.Packs.Sum(p => p.Entry.Size), 1, 2 * life.Files.Sum(f => f.Value.Length)); // what is in them cannot be compressed
        await world.CheckAsync(Main);
    }

    [Fact]
    public async Task Everything_that_is_kept_opens_whatever_happens_meanwhile()
    {
        int first = Number("POCKETGRES_SEED", Environment.TickCount & 0xFFFFF), runs = Number("POCKETGRES_BUCKET_RUNS", 5);
        int collections = 0, removed = 0, killed = 0, meanwhile = 0, branches = 0;
        for (int seed = first; seed < first + runs; seed++)
        {
            output.WriteLine($"POCKETGRES_SEED={seed}");
            using var world = new CollectedWorld(seed);
            var prefixes = new List<string> { Main };
            var lives = new Dictionary<string, Life> { [Main] = await world.OpenAsync(Main) };
            await lives[Main].ImageAsync();
            for (int i = 0; i < 60; i++)
            {
                string prefix = prefixes[world.Random.Next(prefixes.Count)];
                switch (world.Random.Next(10))
                {
                    case 0:
                        world.Now += TimeSpan.FromHours(world.Random.Next(100));
                        break;
                    case 1 when prefixes.Count < 5:
                        await BranchAsync();
                        break;
                    case 2 or 3:
                        int step = 0, at = world.Random.Next(60);
                        bool dies = world.Random.Next(2) == 0;
                        var store = new WatchedStore(world.Bucket, async (_, _) =>
                        {
                            if (step++ == at)
                            {
                                if (dies)
                                {
                                    killed++;
                                    throw new KilledException();
                                }

                                meanwhile++;
                                await (world.Random.Next(3) switch
                                {
                                    0 => world.CollectAsync(prefix, retention: TimeSpan.FromDays(world.Random.Next(3))),
                                    1 when prefixes.Count < 6 => BranchAsync(),
                                    _ => LiveAsync(prefix),
                                });
                                world.Now += TimeSpan.FromHours(world.Random.Next(50));
                            }
                        });
                        try
                        {
                            var result = await world.CollectAsync(prefix, store, TimeSpan.FromDays(world.Random.Next(5)));
                            removed += result.Packs + result.Records + result.Images;
                            collections++;
                        }
                        catch (KilledException)
                        {
                            // As a process that ends there.
                        }

                        foreach (string each in prefixes)
                        {
                            await world.CheckAsync(each);
                        }

                        break;
                    default:
                        await LiveAsync(prefix);
                        break;
                }

                async Task BranchAsync()
                {
                    string target = string.Create(CultureInfo.InvariantCulture, $"branch{prefixes.Count}/");
                    prefixes.Add(target);
                    branches++;
                    try
                    {
                        await new Branching(world.Bucket, prefix, target).RunAsync(null, default);
                    }
                    catch (BucketException e) when (e.Error is BucketError.InUse or BucketError.Missing)
                    {
                        prefixes.Remove(target); // of a branch without an image, or what it begins with was just removed
                        foreach (var entry in (await world.Bucket.ListAsync(target)).Entries)
                        {
                            await world.Bucket.DeleteAsync(entry.Key);
                        }
                    }
                }
            }

            async Task LiveAsync(string prefix)
            {
                if (!lives.TryGetValue(prefix, out var life) || world.Random.Next(6) == 0)
                {
                    if (life is not null && world.Random.Next(2) == 0)
                    {
                        await life.CloseAsync();
                    }

                    lives[prefix] = life = await world.OpenAsync(prefix);
                }

                life.Write();
                if (world.Random.Next(2) == 0)
                {
                    var packs = new Inventory(await world.At(prefix).ListAsync("")).Packs;
                    await life.ImageAsync(world.Random.Next(4) == 0 ? packs.Select(p => p.Entry.Key).Where(_ => world.Random.Next(3) == 0).ToHashSet() : null);
                }
            }
        }

        output.WriteLine($"{collections} collections that removed {removed} objects, {killed} killed, {meanwhile} with something meanwhile, {branches} branches");
        Assert.True(removed > runs && killed > 0 && meanwhile > 0);
    }

    // Others have the cluster, are killed or close it, and make images.
    static async Task RunForWeeksAsync(CollectedWorld world)
    {
        for (int i = 0; i < 6; i++)
        {
            var life = await world.OpenAsync(Main);
            life.Write();
            await life.ImageAsync();
            world.Now += TimeSpan.FromDays(5);
            life.Write();
            if (i % 2 == 0)
            {
                await life.CloseAsync();
            }
        }

        var last = await world.OpenAsync(Main);
        await last.ImageAsync();
        world.Now += TimeSpan.FromDays(10);
        await last.ImageAsync();
    }

    static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value : otherwise;

    sealed class KilledException : Exception;
}
