using System.Diagnostics;
using Npgsql;
using static Pocketgres.Engine.Tests.Clusters;

namespace Pocketgres.Engine.Tests;

/// <summary>Snapshots of running clusters and the clones made from them.</summary>
public sealed class CloneTests
{
    [Fact]
    public async Task A_clone_and_its_source_do_not_see_each_others_changes()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select g as v from generate_series(1, 1000) g; create index on t (v)");
        using var snapshot = await source.SnapshotAsync();
        Assert.True(snapshot.HasMemory, snapshot.Limitation);
        await using var one = await CloneAsync(snapshot);
        await using var two = await CloneAsync(snapshot);
        Assert.Equal("1000", await QueryAsync(one, "select count(*)::text from t"));

        await ExecuteAsync(source, "insert into t values (-1)");
        await ExecuteAsync(one, "update t set v = v + 5000", "create table mine (v int)", "vacuum t");
        await ExecuteAsync(two, "delete from t where v <= 500", "checkpoint");
        Assert.Equal("1001 501499", await QueryAsync(source, "select count(*) || ' ' || sum(v) + 1000 from t"));
        Assert.Equal("1000 5500500", await QueryAsync(one, "select count(*) || ' ' || sum(v) from t"));
        Assert.Equal("500 375250", await QueryAsync(two, "select count(*) || ' ' || sum(v) from t"));
        Assert.Equal("0", await QueryAsync(two, "select count(*)::text from pg_class where relname = 'mine'"));
        Assert.Equal("0", await QueryAsync(source, "select count(*)::text from pg_class where relname = 'mine'"));
    }

    [Fact]
    public async Task Clones_have_their_own_identity_and_randomness()
    {
        await using var source = await StartAsync();
        using var snapshot = await source.SnapshotAsync();
        await using var one = await CloneAsync(snapshot);
        await using var two = await CloneAsync(snapshot);
        PostgresCluster[] all = [source, one, two];
        foreach (string sql in (string[])["select system_identifier::text from pg_control_system()", "select gen_random_uuid()::text", "select random()::text",
            "select string_agg(random()::text, ' ') from generate_series(1, 10)"])
        {
            var values = await Task.WhenAll(all.Select(c => QueryAsync(c, sql)));
            Assert.Equal(3, values.Distinct().Count());
        }

        // The copy in memory, which new WAL segments get, is the one in the file.
        await ExecuteAsync(one, "select pg_switch_wal()", "create table t (v int)", "checkpoint");
        Assert.NotEqual(await IdentityAsync(source), await IdentityAsync(one));
        Assert.Equal(3, all.Select(c => c.Port).Distinct().Count());
    }

    [Fact]
    public async Task Statistics_go_their_own_way()
    {
        const string Scans = "select (seq_scan)::text from pg_stat_user_tables where relname = 't'";
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t (v int); select * from t; select pg_stat_force_next_flush()");
        using var snapshot = await source.SnapshotAsync();
        await using var clone = await CloneAsync(snapshot);
        string before = await QueryAsync(source, Scans);
        for (int i = 0; i < 5; i++)
        {
            await ExecuteAsync(clone, "select * from t; select pg_stat_force_next_flush()");
        }

        Assert.Equal(before, await QueryAsync(source, Scans));
        Assert.True(int.Parse(await QueryAsync(clone, Scans), null) >= int.Parse(before, null) + 5);
    }

    [Fact]
    public async Task A_clone_can_be_cloned_when_its_source_and_snapshot_are_gone()
    {
        PostgresCluster clone;
        await using (var source = await StartAsync())
        {
            await ExecuteAsync(source, "create table t as select 1 as v");
            using var snapshot = await source.SnapshotAsync();
            clone = await CloneAsync(snapshot);
        }

        await ExecuteAsync(clone, "insert into t values (2)");
        var grandchild = await CloneOfAsync(clone);
        await clone.DisposeAsync();
        await ExecuteAsync(grandchild, "insert into t values (3)");
        await using var last = await CloneOfAsync(grandchild);
        await ExecuteAsync(grandchild, "drop table t");
        await grandchild.StopAsync();
        await grandchild.DisposeAsync();
        Assert.Equal("1,2,3", await QueryAsync(last, "select string_agg(v::text, ',' order by v) from t"));
    }

    [Fact]
    public async Task A_clone_that_nobody_used_can_be_cloned()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select 1 as v");
        await using var first = await CloneOfAsync(source);
        await using var second = await CloneOfAsync(first);
        Assert.Equal("1", await QueryAsync(second, "select v::text from t"));
        Assert.Equal("1", await QueryAsync(first, "select v::text from t"));
    }

    [Fact]
    public async Task Sessions_of_the_source_are_not_in_the_clone_and_their_transactions_are_rolled_back()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select g as v from generate_series(1, 10) g");
        await using var idle = await OpenAsync(source);
        await RunAsync(idle, "prepare p as select count(*) from t; create temp table scratch (v int); listen news; select pg_advisory_lock(7)");
        await using var open = await OpenAsync(source);
        await RunAsync(open, "begin; insert into t values (99); lock table t in access exclusive mode; update t set v = 0 where v = 1");
        await using var waiting = await OpenAsync(source);
        var wait = RunAsync(waiting, "select count(*) from t");
        await using var sleeping = await OpenAsync(source);
        var sleep = RunAsync(sleeping, "select pg_sleep(1000)");

        try
        {
            await WaitAsync(source, "select count(*)::text from pg_locks where not granted", "1");
            await WaitAsync(source, "select count(*)::text from pg_stat_activity where wait_event = 'PgSleep'", "1");
            using var snapshot = await source.SnapshotAsync();
            Assert.True(snapshot.HasMemory, snapshot.Limitation);
            await using var clone = await CloneAsync(snapshot);
            Assert.Equal("10 55", await QueryAsync(clone, "select count(*) || ' ' || sum(v) from t"));
            Assert.Equal("1", await QueryAsync(clone, "select count(*)::text from pg_stat_activity where backend_type = 'client backend'"));
            Assert.Equal("0", await QueryAsync(clone, "select count(*)::text from pg_locks where pid <> pg_backend_pid()"));
            Assert.Equal("0", await QueryAsync(clone, "select count(*)::text from pg_class where relname = 'scratch'"));
            Assert.Equal("true", await QueryAsync(clone, "select pg_try_advisory_lock(7)::text"));
        }

        catch
        {
            await source.StopAsync(ShutdownMode.Immediate); // the sessions above would be waited for, and hide the failure
            throw;
        }

        // The source's sessions never noticed.
        await RunAsync(open, "commit");
        await wait;
        Assert.False(sleep.IsCompleted);
        Assert.Equal("11 153", await QueryAsync(source, "select count(*) || ' ' || sum(v) from t"));
        await RunAsync(idle, "execute p; insert into scratch values (1)");
        await ExecuteAsync(source, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
        await Assert.ThrowsAsync<PostgresException>(() => sleep);
    }

    [Fact]
    public async Task A_snapshot_under_load_is_consistent()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table accounts as select g as id, 100 as balance from generate_series(1, 100) g; alter table accounts add primary key (id)");
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 3).Select(n => Task.Run(async () =>
        {
            await using var connection = await OpenAsync(source);
            for (int i = n; !stop.IsCancellationRequested; i += 7)
            {
                int from = Math.Min(i % 100, (i + 31) % 100) + 1, to = Math.Max(i % 100, (i + 31) % 100) + 1;
                await RunAsync(connection, $"begin; update accounts set balance = balance - 1 where id = {from}; update accounts set balance = balance + 1 where id = {to}; commit");
            }
        })).ToList();
        for (int i = 0; i < 5; i++)
        {
            using var snapshot = await source.SnapshotAsync();
            await using var clone = await CloneAsync(snapshot);
            Assert.Equal("100 10000", await QueryAsync(clone, "select count(*) || ' ' || sum(balance) from accounts"));
            await ExecuteAsync(clone, "update accounts set balance = 1", "vacuum full accounts", "reindex table accounts");
            Assert.Equal("100", await QueryAsync(clone, "select sum(balance)::text from accounts"));
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.Equal("10000", await QueryAsync(source, "select sum(balance)::text from accounts"));
    }

    [Fact]
    public async Task Maintenance_and_databases_work_in_a_clone()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select g as v, repeat('x', 100) as s from generate_series(1, 5000) g");
        await using var clone = await CloneOfAsync(source);
        await ExecuteAsync(clone, "delete from t where v % 2 = 0");
        await ExecuteAsync(clone, "vacuum (analyze) t");
        await ExecuteAsync(clone, "checkpoint");
        await ExecuteAsync(clone, "create database other");
        await ExecuteAsync(clone, "drop database other");
        await ExecuteAsync(clone, "create extension if not exists plpgsql; do $$ begin perform count(*) from t; exception when others then raise; end $$");
        await ExecuteAsync(clone, "set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; select sum(v) from t");
        await ExecuteAsync(clone, "alter system set work_mem = '5MB'", "select pg_reload_conf()");
        await WaitAsync(clone, "show work_mem", "5MB");
        Assert.Equal("4MB", await QueryAsync(source, "show work_mem"));
        Assert.Equal("2500", await QueryAsync(clone, "select count(*)::text from t"));
    }

    [Fact]
    public async Task A_clone_survives_the_crash_of_a_session()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select 1 as v");
        await using var clone = await CloneOfAsync(source);
        await ExecuteAsync(clone, "insert into t values (2)");
        string pid = await QueryAsync(clone, "select pg_backend_pid()::text");
        await using (var victim = await OpenAsync(clone))
        {
            await using var command = new NpgsqlCommand("select pg_backend_pid()", victim);
            clone.CrashProcess((int)(await command.ExecuteScalarAsync())!);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => RunAsync(victim, "select 1"));
        }

        await WaitAsync(clone, "select string_agg(v::text, ',' order by v) from t", "1,2");
        Assert.NotEqual(pid, await QueryAsync(clone, "select pg_backend_pid()::text"));
        await ExecuteAsync(clone, "insert into t values (3)", "checkpoint");
        await using var next = await CloneOfAsync(clone);
        Assert.Equal("3", await QueryAsync(next, "select count(*)::text from t"));
        Assert.Equal("1", await QueryAsync(source, "select count(*)::text from t"));
    }

    [Fact]
    public async Task A_clone_stops_in_order_and_after_its_source()
    {
        var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select 1 as v");
        using var snapshot = await source.SnapshotAsync();
        var used = await CloneAsync(snapshot);
        var unused = await CloneAsync(snapshot);
        await ExecuteAsync(used, "insert into t values (2)");
        await source.StopAsync();
        Assert.Equal("2", await QueryAsync(used, "select count(*)::text from t"));
        await unused.StopAsync();
        await used.StopAsync(ShutdownMode.Smart);
        Assert.Equal(0, await source.Completion);
        Assert.Equal(0, await used.Completion);
        Assert.Equal(0, await unused.Completion);

        // A snapshot outlives its source.
        await using var late = await CloneAsync(snapshot);
        Assert.Equal("1", await QueryAsync(late, "select count(*)::text from t"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_clone_saved_to_a_directory_starts_there(bool afterManyChanges)
    {
        string directory = Path.Combine(Path.GetTempPath(), "pocketgres-clone-" + Guid.NewGuid().ToString("N"));
        try
        {
            string identity, sum;
            await using (var source = await StartAsync())
            {
                await ExecuteAsync(source, "create table t as select g as v from generate_series(1, 1000) g");
                await using var clone = await CloneOfAsync(source);
                await ExecuteAsync(clone, "update t set v = v * 2");
                if (afterManyChanges)
                {
                    // Several WAL segments, so that recovery reads headers written before and after the clone got its identity.
                    await ExecuteAsync(clone, "create table big as select g, repeat('x', 500) from generate_series(1, 40000) g; select pg_switch_wal(); create table after (v int)");
                }

                identity = await IdentityAsync(clone);
                sum = await QueryAsync(clone, "select sum(v)::text from t");
                await clone.SaveAsync(directory);
                var refused = await Assert.ThrowsAsync<ClusterException>(() => clone.SaveAsync(directory));
                Assert.Equal(ClusterError.ForeignDirectory, refused.Error);
            }

            await using var kept = await PostgresCluster.StartAsync(new ClusterOptions { Port = 0, DataDirectory = directory });
            Assert.Equal(identity, await IdentityAsync(kept));
            Assert.Equal(sum, await QueryAsync(kept, "select sum(v)::text from t"));
        }
        finally
        {
            foreach (string left in Directory.EnumerateFileSystemEntries(Path.GetTempPath(), Path.GetFileName(directory) + "*").ToList())
            {
                if (Directory.Exists(left))
                {
                    Directory.Delete(left, recursive: true);
                }
                else
                {
                    File.Delete(left);
                }
            }
        }
    }

    [Fact]
    public async Task Clusters_on_disk_are_cloned_by_recovery()
    {
        string directory = Path.Combine(Path.GetTempPath(), "pocketgres-clone-" + Guid.NewGuid().ToString("N"));
        try
        {
            await using var source = await PostgresCluster.StartAsync(new ClusterOptions { Port = 0, DataDirectory = directory });
            await ExecuteAsync(source, "create table t as select g as v from generate_series(1, 1000) g");
            await using var open = await OpenAsync(source);
            await RunAsync(open, "begin; delete from t");
            using var snapshot = await source.SnapshotAsync();
            Assert.False(snapshot.HasMemory);
            Assert.NotNull(snapshot.Limitation);
            await using var clone = await CloneAsync(snapshot);
            Assert.Equal("1000", await QueryAsync(clone, "select count(*)::text from t"));
            Assert.NotEqual(await IdentityAsync(source), await IdentityAsync(clone));
            await ExecuteAsync(clone, "drop table t");
            await RunAsync(open, "rollback");
            Assert.Equal("1000", await QueryAsync(source, "select count(*)::text from t"));

            // What is in memory now can be cloned from memory.
            using var second = await clone.SnapshotAsync();
            Assert.True(second.HasMemory, second.Limitation);
        }
        finally
        {
            foreach (string left in Directory.EnumerateFiles(Path.GetTempPath(), Path.GetFileName(directory) + "*").ToList())
            {
                File.Delete(left);
            }

            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Other_settings_start_the_clone_by_recovery()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t as select 1 as v");
        using var snapshot = await source.SnapshotAsync();
        await using var clone = await PostgresCluster.StartCloneAsync(snapshot,
            new ClusterOptions { Port = 0, Settings = new Dictionary<string, string> { ["shared_buffers"] = "16MB" } });
        Assert.Equal("16MB", await QueryAsync(clone, "show shared_buffers"));
        Assert.Equal("1", await QueryAsync(clone, "select v::text from t"));
        Assert.NotEqual(await IdentityAsync(source), await IdentityAsync(clone));
    }

    [Fact]
    public async Task The_snapshot_is_reused_until_a_session_does_something()
    {
        await using var source = await PostgresCluster.StartAsync(new ClusterOptions { Port = 0, Settings = new Dictionary<string, string> { ["autovacuum"] = "off" } });
        await using var idle = await OpenAsync(source);
        await RunAsync(idle, "create table t (v int)");
        using var first = await SnapshotOfIdleAsync(source);
        await RunAsync(idle, "insert into t values (1)");
        using var third = await source.SnapshotAsync();
        Assert.NotSame(first.Content, third.Content);
        await using var old = await CloneAsync(first);
        await using var current = await CloneAsync(third);
        Assert.Equal("0", await QueryAsync(old, "select count(*)::text from t"));
        Assert.Equal("1", await QueryAsync(current, "select count(*)::text from t"));
    }

    // One that is used again. A session may have answered and not come to its wait yet: then it runs once more.
    private static async Task<ClusterSnapshot> SnapshotOfIdleAsync(PostgresCluster source)
    {
        var deadline = Stopwatch.StartNew();
        var snapshot = await source.SnapshotAsync();
        while (true)
        {
            var next = await source.SnapshotAsync();
            bool same = ReferenceEquals(snapshot.Content, next.Content);
            snapshot.Dispose();
            snapshot = next;
            if (same)
            {
                return snapshot;
            }

            Assert.True(deadline.Elapsed < TimeSpan.FromSeconds(60), "each snapshot is a new one");
        }
    }

    [Fact]
    public async Task A_disposed_snapshot_says_so()
    {
        await using var source = await StartAsync();
        var snapshot = await source.SnapshotAsync();
        snapshot.Dispose();
        snapshot.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => CloneAsync(snapshot));
        await source.StopAsync();
        await Assert.ThrowsAsync<ClusterException>(() => source.SnapshotAsync());
    }

    [Fact]
    public async Task Many_sessions_in_many_clones_at_once()
    {
        await using var source = await StartAsync();
        await ExecuteAsync(source, "create table t (v int); insert into t select generate_series(1, 100)");
        using var snapshot = await source.SnapshotAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
        {
            await using var clone = await CloneAsync(snapshot);

            // Enough switches between sessions that the shared memory stops moving and becomes a memory file.
            await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
            {
                await using var connection = await OpenAsync(clone);
                for (int i = 0; i < 100; i++)
                {
                    await RunAsync(connection, $"insert into t values ({n})");
                }
            }));
            Assert.Equal("500", await QueryAsync(clone, "select count(*)::text from t"));
        }));
        Assert.Equal("100", await QueryAsync(source, "select count(*)::text from t"));
    }
}
