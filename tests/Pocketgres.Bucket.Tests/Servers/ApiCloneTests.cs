using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>Clones, snapshots and temporary databases of a cluster in a bucket, from .NET.</summary>
public sealed class ApiCloneTests : IDisposable
{
    readonly MeteredObjectStore _store = new(new MemoryObjectStore());
    readonly S3Server _server;

    public ApiCloneTests()
    {
        _server = TestCredentials.Serve(_store);
    }

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
    }

    [Theory, InlineData("strict"), InlineData("interval"), InlineData("sleep")]
    public async Task A_clone_is_a_branch_that_goes_with_it(string mode)
    {
        await using var main = await StartAsync($"&mode={mode}");
        await FillAsync(main, 20_000);
        await using (var clone = await main.CloneAsync())
        {
            await using var second = await main.CloneAsync();
            Assert.Equal(20_000, await CountAsync(second));
            Assert.Equal(20_000, await CountAsync(clone));
            await FillAsync(clone, 1);
            await FillAsync(main, 2);
            Assert.Equal(20_001, await CountAsync(clone));
            Assert.Equal(20_002, await CountAsync(main));

            // At once, also where commits do not wait: what the next copy must have may not have left the server's memory.
            await using var later = await main.CloneAsync();
            Assert.Equal(20_002, await CountAsync(later));
            Assert.Equal(main.Url, clone.Url);
            Assert.NotEqual(await TimelineAsync(main), await TimelineAsync(clone));
        }

        await AssertNothingBesideAsync();
    }

    [Fact]
    public async Task A_clone_of_a_clone_outlives_it()
    {
        await using var main = await StartAsync();
        await FillAsync(main, 1000);
        var first = await main.CloneAsync();
        await FillAsync(first, 1);
        await using (var second = await first.CloneAsync())
        {
            await first.DisposeAsync();
            await using var third = await second.CloneAsync();
            await FillAsync(second, 1);
            await second.StopAsync();
            await using var ofStopped = await second.CloneAsync();
            Assert.Equal(1001, await CountAsync(third));
            Assert.Equal(1002, await CountAsync(ofStopped));
        }

        await AssertNothingBesideAsync();
    }

    [Fact]
    public async Task A_snapshot_keeps_a_moment_for_any_number_of_clones()
    {
        var main = await StartAsync();
        await FillAsync(main, 1000);
        long written = _store.BytesWritten, requests = _store.Requests;
        await using (var snapshot = await main.SnapshotAsync("a thousand"))
        {
            Assert.InRange(_store.BytesWritten - written, 1, 200_000); // no data are copied
            Assert.InRange(_store.Requests - requests, 1, 20);
            await FillAsync(main, 1);
            await main.DisposeAsync();
            var clones = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => snapshot.CloneAsync()));
            foreach (var clone in clones)
            {
                Assert.Equal(1000, await CountAsync(clone));
                await FillAsync(clone, 5);
                await clone.DisposeAsync();
            }

            await using var last = await snapshot.CloneAsync();
            Assert.Equal(1000, await CountAsync(last));
        }

        await AssertNothingBesideAsync();
    }

    [Fact]
    public async Task With_a_URL_of_its_own_a_clone_stays()
    {
        await using var main = await StartAsync();
        await FillAsync(main, 1000);
        await using (var branch = await main.CloneAsync(o => o with { Url = Url("kept") }))
        {
            Assert.Equal(Url("kept"), branch.Url);
            await FillAsync(branch, 1);
        }

        await using (var again = await PostgresInstance.StartAsync(Url("kept", "&create=false")))
        {
            Assert.Equal(1001, await CountAsync(again));
        }

        // One of a clone keeps what it needs of that one.
        await using (var clone = await main.CloneAsync())
        {
            await FillAsync(clone, 7);
            await using var branch = await clone.CloneAsync(o => o with { Url = Url("kept-too") });
        }

        await using (var again = await PostgresInstance.StartAsync(Url("kept-too", "&create=false")))
        {
            Assert.Equal(1007, await CountAsync(again));
        }

        var taken = await Assert.ThrowsAsync<PocketgresException>(() => main.CloneAsync(o => o with { Url = Url("kept") }));
        Assert.Contains("choose another prefix", taken.Message, StringComparison.Ordinal);
        foreach (string wrong in (string[])["memory:", Url("main", "&mode=sleep"), "s3://other/kept", Url("other", "&replica=true")])
        {
            Assert.Contains("another prefix in the same bucket", (await Assert.ThrowsAsync<ArgumentException>(() => main.CloneAsync(o => o with { Url = wrong }))).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_temporary_database_is_beside_the_one_named()
    {
        await using (var temporary = await PostgresInstance.StartTemporaryAsync(new PostgresInstanceOptions { Url = Url("main") }))
        {
            await FillAsync(temporary, 10);
            await using var clone = await temporary.CloneAsync();
            Assert.Equal(10, await CountAsync(clone));
        }

        Assert.Empty((await _store.ListAsync("")).Entries);
    }

    [Fact]
    public async Task A_clone_that_cannot_start_leaves_nothing()
    {
        await using var main = await StartAsync();
        await Assert.ThrowsAsync<PocketgresException>(() => main.CloneAsync(o =>
        {
            o.Settings["shared_buffers"] = "much";
            return o;
        }));
        await AssertNothingBesideAsync();
        await Assert.ThrowsAsync<PocketgresException>(() => main.CloneAsync(o =>
        {
            o.Settings["shared_buffers"] = "much";
            return o with { Url = Url("kept") };
        }));
        Assert.Empty((await _store.ListAsync("bucket/kept")).Entries);
    }

    [Fact]
    public async Task What_killed_processes_left_goes_a_day_later()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var bucket = new MemoryObjectStore { Clock = () => now };
        string[] left = [TemporaryPrefix.NameBeside("main/"), TemporaryPrefix.NameBeside("main/"), TemporaryPrefix.NameBeside("main/"), TemporaryPrefix.NameBeside("main/")];
        foreach (string prefix in left)
        {
            await bucket.PutAsync(prefix + "format", default);
            await bucket.PutAsync(prefix + "man/1", default);
        }

        // The third is of the second; of the fourth, somebody has made a branch that stays.
        await bucket.PutAsync($"{left[1]}branches/{Guid.NewGuid():N}", System.Text.Encoding.UTF8.GetBytes($"prefix={left[2]}\n"));
        await bucket.PutAsync($"{left[3]}branches/{Guid.NewGuid():N}", System.Text.Encoding.UTF8.GetBytes("prefix=kept/\n"));
        await bucket.PutAsync("kept/format", default);
        await bucket.PutAsync("main/format", default);
        now += TimeSpan.FromHours(23);
        await bucket.PutAsync(left[0] + "temporary", default);
        await TemporaryPrefix.RemoveLeftoversAsync(bucket, "main/", default);
        Assert.Equal(2 + 9 + 2, (await bucket.ListAsync("")).Entries.Count);
        now += TimeSpan.FromHours(2);
        await TemporaryPrefix.RemoveLeftoversAsync(bucket, "main/", default);
        Assert.Equal(
            [.. new[] { "kept/", left[0], left[3], "main/" }.Order(StringComparer.Ordinal)],
            (await bucket.ListAsync("")).Entries.Select(e => e.Key[..(e.Key.IndexOf('/', StringComparison.Ordinal) + 1)]).Distinct());
    }

    [Fact]
    public async Task A_cluster_in_a_bucket_is_saved_as_a_directory()
    {
        using var place = new TemporaryDirectory();
        await using (var main = await StartAsync())
        {
            await FillAsync(main, 5000);
            await main.SaveAsync(place.Combine("saved"));
        }

        await AssertNothingBesideAsync();
        await using var saved = await PostgresInstance.StartAsync("file:" + place.Combine("saved"));
        Assert.Equal(5000, await CountAsync(saved));
    }

    static async Task FillAsync(PostgresInstance instance, int rows)
    {
        await using var session = await instance.DataSource.OpenConnectionAsync();
        await session.ExecuteAsync($"create table if not exists t (v text); insert into t select md5(i::text) from generate_series(1, {rows}) i");
    }

    static async Task<long> CountAsync(PostgresInstance instance)
    {
        await using var session = await instance.DataSource.OpenConnectionAsync();
        return await session.ScalarAsync<long>("select count(*) from t");
    }

    static async Task<string> TimelineAsync(PostgresInstance instance)
    {
        await using var session = await instance.DataSource.OpenConnectionAsync();
        return await session.ScalarAsync<string>("select left(pg_walfile_name(pg_current_wal_lsn()), 8)");
    }

    // Neither a clone's objects nor what says that there is one.
    async Task AssertNothingBesideAsync() =>
        Assert.DoesNotContain((await _store.ListAsync("")).Entries,
            e => !e.Key.StartsWith("bucket/main/", StringComparison.Ordinal) || e.Key.StartsWith("bucket/main/branches/", StringComparison.Ordinal));

    string Url(string prefix, string parameters = "") => $"s3://bucket/{prefix}?endpoint={_server.Endpoint}&puts=0{parameters}";

    Task<PostgresInstance> StartAsync(string parameters = "") => PostgresInstance.StartAsync(Url("main", parameters));
}
