using Pocketgres.Build.Publishing;

namespace Pocketgres.Build.Tests;

public sealed class ArtifactStoreTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private ArtifactStore Store => new(directory["engine"]);

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_failed_build_leaves_nothing_and_the_next_one_starts_afresh()
    {
        Assert.Throws<BuildException>(() => Store.GetOrAdd("k", d =>
        {
            File.WriteAllText(Path.Combine(d, "half"), "");
            throw new BuildException("no");
        }));
        Assert.False(Store.Contains("k"));

        string result = Store.GetOrAdd("k", d => File.WriteAllText(Path.Combine(d, "whole"), ""));
        Assert.Equal(["whole"], Directory.EnumerateFileSystemEntries(result).Select(Path.GetFileName));
    }

    [Fact]
    public void The_directory_does_not_exist_before_it_is_complete()
    {
        Store.GetOrAdd("k", d =>
        {
            Assert.False(Store.Contains("k"));
            File.WriteAllText(Path.Combine(d, "file"), "");
            Assert.False(Store.Contains("k"));
        });
        Assert.True(Store.Contains("k"));
    }

    [Fact]
    public async Task Concurrent_builds_of_one_key_fill_it_once_and_see_it_whole()
    {
        int fills = 0;
        using var bothStarted = new Barrier(2);
        Task<string> Build() => Task.Run(() =>
        {
            bothStarted.SignalAndWait();
            return Store.GetOrAdd("k", d =>
            {
                Interlocked.Increment(ref fills);
                File.WriteAllText(Path.Combine(d, "file"), "done");
            });
        });
        string[] results = await Task.WhenAll(Build(), Build());
        Assert.Equal(1, fills);
        Assert.All(results, r => Assert.Equal("done", File.ReadAllText(Path.Combine(r, "file"))));
    }

    [Fact]
    public async Task A_second_key_waits_for_the_first_and_does_not_sweep_away_its_unfinished_files()
    {
        using var firstFilling = new ManualResetEventSlim();
        using var finishFirst = new ManualResetEventSlim();
        var first = Task.Run(() => Store.GetOrAdd("one", d =>
        {
            File.WriteAllText(Path.Combine(d, "file"), "1");
            firstFilling.Set();
            finishFirst.Wait();
        }));
        firstFilling.Wait();
        bool overlapped = false;
        var second = Task.Run(() => Store.GetOrAdd("two", d =>
        {
            overlapped = !finishFirst.IsSet;
            File.WriteAllText(Path.Combine(d, "file"), "2");
        }));
        finishFirst.Set();
        Assert.Equal("1", await File.ReadAllTextAsync(Path.Combine(await first, "file")));
        Assert.Equal("2", await File.ReadAllTextAsync(Path.Combine(await second, "file")));
        Assert.False(overlapped);
    }

    [Fact]
    public void Prune_keeps_the_most_recently_used_keys()
    {
        var old = DateTime.UtcNow.AddDays(-1);
        foreach (string key in (string[])["a", "b", "c"])
        {
            string path = Store.GetOrAdd(key, d => File.WriteAllText(Path.Combine(d, "file"), key));
            Directory.SetLastWriteTimeUtc(path, old);
            old = old.AddMinutes(1);
        }

        Store.GetOrAdd("a", _ => Assert.Fail("exists already"));
        Assert.Equal(["a", "c"], Store.Prune().Select(p => Path.GetFileName(p)!));
        Assert.False(Store.Contains("b"));
    }
}
