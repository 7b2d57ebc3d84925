using Pocketgres.Api.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Live;
using Pocketgres.Server;

namespace Pocketgres.Api.Tests;

/// <summary>Changes and live queries.</summary>
public sealed class LiveTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Changes_of_all_kinds_in_the_order_of_commits()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)");
        await using var changes = new Reader(pg, new ChangeOptions());
        await pg.ExecuteAsync("INSERT INTO t VALUES (1, 'a'), (2, NULL)");
        await pg.ExecuteAsync("BEGIN; INSERT INTO t VALUES (9, 'gone'); ROLLBACK");
        await pg.ExecuteAsync("UPDATE t SET v = 'b' WHERE id = 2");
        await pg.ExecuteAsync("UPDATE t SET id = 3 WHERE id = 1");
        await pg.ExecuteAsync("DELETE FROM t WHERE id = 3");
        await pg.ExecuteAsync("INSERT INTO p VALUES (5)");
        await pg.ExecuteAsync("TRUNCATE t");
        var seen = await changes.TakeAsync(7);
        Assert.Equal(
            ["Insert t id=1,v=a |", "Insert t id=2,v= |", "Update t id=2,v=b |", "Update t id=3,v=a | id=1", "Delete t | id=3", "Insert p id=5 |", "Truncate t |"],
            seen.Select(c => $"{c.Kind} {c.Table} {Text(c.New)}| {Text(c.Old)}".TrimEnd()));
        Assert.Equal(seen[0].CommitPosition, seen[1].CommitPosition);
        Assert.True(seen[0].Position < seen[1].Position && seen[1].Position == seen[1].CommitPosition);
        Assert.True(seen[1].CommitPosition < seen[2].CommitPosition);
        Assert.InRange(DateTime.UtcNow - seen[0].CommittedAt, TimeSpan.FromMinutes(-1), s_patience);
        Assert.Equal(0, await pg.QueryAsync<long>("SELECT count(*) FROM pg_replication_slots WHERE NOT temporary"));

        static string Text(IReadOnlyDictionary<string, string?>? row) => row is null ? "" : string.Join(',', row.Select(v => $"{v.Key}={v.Value}")) + " ";
    }

    [Fact]
    public async Task A_named_slot_goes_on_where_the_reader_was_and_loses_nothing()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
        var options = new ChangeOptions { Slot = "mine", Tables = ["public.t"] };
        var kept = new List<Change>();
        await using (var first = new Reader(pg, options))
        {
            for (int i = 0; i < 10; i++)
            {
                await pg.ExecuteAsync($"INSERT INTO t VALUES ({2 * i}), ({(2 * i) + 1})");
            }

            kept.AddRange(await first.TakeAsync(5));
        }

        await pg.ExecuteAsync("INSERT INTO t VALUES (100)");
        await WaitForSlotAsync(pg);
        var rest = new List<Change>();
        await using (var second = new Reader(pg, options with { After = kept[^1].Position }))
        {
            while (rest.Count == 0 || rest[^1].New!["id"] != "100")
            {
                rest.AddRange(await second.TakeAsync(1));
            }
        }

        // The fifth change is the first of its transaction: that one comes once more, none before it does.
        Assert.Equal("4", rest[0].New!["id"]);
        Assert.Equal([.. Enumerable.Range(4, 16).Select(i => $"{i}"), "100"], rest.Select(c => c.New!["id"]));
        await WaitForSlotAsync(pg);
        await pg.ExecuteAsync("SELECT pg_drop_replication_slot('mine')");
    }

    [Fact]
    public async Task A_table_without_a_key_is_refused_before_the_application_would_notice()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE \"No key\" (id int)");
        var e = await Assert.ThrowsAsync<LiveException>(async () => await pg.ChangesAsync().GetAsyncEnumerator().MoveNextAsync());
        Assert.Contains("\"No key\"", e.Message, StringComparison.Ordinal);
        await pg.ExecuteAsync("INSERT INTO \"No key\" VALUES (1); UPDATE \"No key\" SET id = 2");
    }

    [Fact]
    public async Task A_reader_that_is_killed_goes_on_at_its_position()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
        var options = new ChangeOptions { Slot = "mine", Tables = ["t"] };
        var seen = new List<int>();
        var after = default(NpgsqlTypes.NpgsqlLogSequenceNumber);
        using var end = new CancellationTokenSource(s_patience);
        // The reader waits for a kill without reading: what comes meanwhile must find room on the way, or the walsender, which tells its client that it ends, waits for the reader.
        using var ahead = new SemaphoreSlim(60);
        var made = Task.CompletedTask;
        int kills = 0;
        while (seen.Count == 0 || seen.Max() < 299)
        {
            try
            {
                await foreach (var change in pg.ChangesAsync(options with { After = after }, () => made = made.IsCompleted && kills == 0 ? Task.Run(MakeAsync) : made, end.Token))
                {
                    int id = int.Parse(change.New!["id"]!, System.Globalization.CultureInfo.InvariantCulture);
                    if (!seen.Contains(id))
                    {
                        ahead.Release();
                    }

                    seen.Add(id);
                    after = change.Position;
                    if (seen.Count % 70 == 0)
                    {
                        kills++;
                        await pg.ExecuteAsync("SELECT pg_terminate_backend(active_pid, 60000) FROM pg_replication_slots WHERE slot_name = 'mine' AND active");
                    }

                    if (seen[^1] == 299)
                    {
                        break;
                    }
                }
            }
            catch (LiveException)
            {
                await WaitForSlotAsync(pg);
            }
        }

        await made;
        Assert.True(kills >= 4, $"{kills} kills");
        Assert.Equal(Enumerable.Range(0, 300), seen.Distinct());
        Assert.InRange(seen.Count, 300, 300 + (2 * kills));
        await WaitForSlotAsync(pg);
        await pg.ExecuteAsync("SELECT pg_drop_replication_slot('mine')");

        async Task MakeAsync()
        {
            for (int i = 0; i < 300; i += 3)
            {
                for (int row = 0; row < 3; row++)
                {
                    await ahead.WaitAsync(end.Token);
                }

                await pg.ExecuteAsync($"INSERT INTO t VALUES ({i}), ({i + 1}), ({i + 2})");
            }
        }
    }

    [Fact]
    public async Task What_would_lose_changes_is_refused()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
        await pg.ExecuteAsync("SELECT pg_create_logical_replication_slot('other', 'test_decoding')");
        var position = NpgsqlTypes.NpgsqlLogSequenceNumber.Parse("0/1234");
        await RefusedAsync(new ChangeOptions { After = position }, "only a slot keeps them");
        await RefusedAsync(new ChangeOptions { Slot = "gone", After = position }, "no slot gone");
        await RefusedAsync(new ChangeOptions { Slot = "other" }, "test_decoding");
        await RefusedAsync(new ChangeOptions { Publication = "Gone" }, "no publication Gone");
        await RefusedAsync(new ChangeOptions { Tables = ["gone"] }, "\"gone\" does not exist");
        await pg.ExecuteAsync("SELECT pg_drop_replication_slot('other')");

        async Task RefusedAsync(ChangeOptions options, string part)
        {
            var e = await Assert.ThrowsAsync<LiveException>(async () => await pg.ChangesAsync(options).GetAsyncEnumerator().MoveNextAsync());
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_table_that_was_made_anew_is_published_again()
    {
        await using var pg = await Database.StartAsync();
        for (int i = 0; i < 2; i++)
        {
            await pg.ExecuteAsync("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY)");
            await using var changes = new Reader(pg, new ChangeOptions { Tables = ["t", "public.t"] });
            await pg.ExecuteAsync("INSERT INTO t VALUES (1)");
            Assert.Equal("t", Assert.Single(await changes.TakeAsync(1)).Table);
        }

        Assert.Equal(1L, await pg.QueryAsync<long>("SELECT count(*) FROM pg_publication"));
    }

    [Fact]
    public async Task Live_queries_follow_views_partitions_parameters_and_leave_other_tables_alone()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync(
            """
            CREATE TABLE "A, b: c" (id int, v text); CREATE VIEW w AS SELECT v, count(*) AS n FROM "A, b: c" GROUP BY v;
            CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); CREATE TABLE other (id int)
            """);
        using var end = new CancellationTokenSource(s_patience);
        await using var view = pg.LiveQueryAsync("SELECT n FROM w WHERE v = $1", ["x"], end.Token).GetAsyncEnumerator(end.Token);
        await using var partitioned = pg.LiveQueryAsync("SELECT sum(id) AS s FROM p", null, end.Token).GetAsyncEnumerator(end.Token);
        Assert.True(await view.MoveNextAsync());
        Assert.Equal(["n"], view.Current.Columns);
        Assert.Empty(view.Current.Rows);
        Assert.True(await partitioned.MoveNextAsync());
        Assert.Equal([null], partitioned.Current.Rows[0]);

        await pg.ExecuteAsync("INSERT INTO other VALUES (1); INSERT INTO \"A, b: c\" VALUES (1, 'x'), (2, 'y')");
        Assert.True(await view.MoveNextAsync());
        Assert.Equal(1L, view.Current.Rows[0][0]);
        await pg.ExecuteAsync("INSERT INTO p VALUES (3), (4)");
        Assert.True(await partitioned.MoveNextAsync());
        Assert.Equal(7L, partitioned.Current.Rows[0][0]);
        await pg.ExecuteAsync("TRUNCATE \"A, b: c\", other");
        Assert.True(await view.MoveNextAsync());
        Assert.Empty(view.Current.Rows);
    }

    [Fact]
    public async Task A_hundred_live_queries_all_end_with_the_last_state_of_two_thousand_changes()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT i, 0 FROM generate_series(0, 99) i");
        using var end = new CancellationTokenSource(s_patience);
        const int Writers = 4, Rounds = 5;
        var queries = Enumerable.Range(0, 100).Select(async q =>
        {
            int last = -1;
            await foreach (var rows in pg.LiveQueryAsync("SELECT v, (SELECT sum(v) FROM t) FROM t WHERE id = $1", [q], end.Token))
            {
                int now = (int)rows.Rows[0][0]!;
                Assert.True(now >= last, $"{now} after {last}");
                last = now;
                if (now == Writers * Rounds && (long)rows.Rows[0][1]! == Writers * Rounds * 100)
                {
                    return;
                }
            }
        }).ToList();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async _ =>
        {
            for (int i = 0; i < Rounds * 100; i++)
            {
                await pg.ExecuteAsync($"UPDATE t SET v = v + 1 WHERE id = {i % 100}");
            }
        }));
        await Task.WhenAll(queries);
    }

    [Fact]
    public async Task A_new_partition_counts()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9)");
        using var end = new CancellationTokenSource(s_patience);
        await using var sum = pg.LiveQueryAsync("SELECT sum(id) FROM p", null, end.Token).GetAsyncEnumerator(end.Token);
        Assert.True(await sum.MoveNextAsync());
        await pg.ExecuteAsync("INSERT INTO p VALUES (3)");
        Assert.True(await sum.MoveNextAsync());
        await pg.ExecuteAsync("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (9) TO (99)");
        await pg.ExecuteAsync("INSERT INTO p VALUES (20)");
        Assert.True(await sum.MoveNextAsync());
        Assert.Equal(23L, sum.Current.Rows[0][0]);
    }

    [Fact]
    public async Task Live_queries_survive_the_loss_of_their_connections_and_the_last_one_takes_the_slot_with_it()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (v int)");
        using var end = new CancellationTokenSource(s_patience);
        await using (var rows = pg.LiveQueryAsync("SELECT count(*) FROM t", null, end.Token).GetAsyncEnumerator(end.Token))
        {
            Assert.True(await rows.MoveNextAsync());
            Assert.Equal(0L, rows.Current.Rows[0][0]);
            for (long i = 1; i <= 3; i++)
            {
                // The reader of the log is ended first, so that the change is one nobody tells of.
                await pg.ExecuteAsync("SELECT pg_terminate_backend(active_pid, 60000) FROM pg_replication_slots WHERE temporary AND database = current_database() AND plugin = 'test_decoding'");
                await pg.ExecuteAsync("INSERT INTO t VALUES (1)");
                Assert.True(await rows.MoveNextAsync());
                Assert.Equal(i, rows.Current.Rows[0][0]);
            }
        }

        while (await pg.QueryAsync<long>("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") > 0)
        {
            await Task.Yield();
        }
    }

    [Fact]
    public async Task A_server_that_ends_without_shutdown_and_comes_again_is_followed_on()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions { Url = PostgresUrl.Parse("file:" + directory.Below("data")), Port = 0, Settings = new Dictionary<string, string> { ["wal_level"] = "logical" } };
        var server = await PostgresServer.StartAsync(options);
        try
        {
            await using var pg = await PostgresInstance.StartAsync(server.ConnectionUrl);
            await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
            using var end = new CancellationTokenSource(s_patience);
            await using var rows = pg.LiveQueryAsync("SELECT count(*) FROM t", null, end.Token).GetAsyncEnumerator(end.Token);
            Assert.True(await rows.MoveNextAsync());
            var next = rows.MoveNextAsync().AsTask();
            var changes = new ChangeOptions { Slot = "mine" };
            await using (var reader = new Reader(pg, changes))
            {
                await pg.ExecuteAsync("INSERT INTO t VALUES (1)");
                changes = changes with { After = Assert.Single(await reader.TakeAsync(1)).Position };
                Assert.True(await next);
                next = rows.MoveNextAsync().AsTask();
                await server.StopAsync(ShutdownMode.Immediate);
                await Assert.ThrowsAsync<LiveException>(() => reader.TakeAsync(1));
            }

            await server.DisposeAsync();
            server = await PostgresServer.StartAsync(options with { Port = server.Port });
            await using (var writer = await PostgresInstance.StartAsync(server.ConnectionUrl))
            {
                await writer.ExecuteAsync("INSERT INTO t VALUES (2)");
            }

            Assert.True(await next);
            Assert.Equal(2L, rows.Current.Rows[0][0]);
            await using var again = new Reader(pg, changes);
            Assert.Equal("2", Assert.Single(await again.TakeAsync(1)).New!["id"]);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task Stopping_the_instance_ends_what_is_live()
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
        await using var rows = pg.LiveQueryAsync("SELECT * FROM t").GetAsyncEnumerator();
        Assert.True(await rows.MoveNextAsync());
        var started = new TaskCompletionSource();
        await using var changes = pg.ChangesAsync(null, started.SetResult).GetAsyncEnumerator();
        var next = changes.MoveNextAsync().AsTask();
        var nextRows = rows.MoveNextAsync().AsTask();
        await started.Task.WaitAsync(s_patience);
        await pg.StopAsync();
        Assert.False(await next.WaitAsync(s_patience));
        Assert.False(await nextRows.WaitAsync(s_patience));
        Assert.Throws<InvalidOperationException>(() => pg.LiveQueryAsync("SELECT 1"));
    }

    [Theory]
    [InlineData("SELECT nothing", "column \"nothing\"")]
    [InlineData("SELECT 1; SELECT 2", "multiple commands")]
    [InlineData("INSERT INTO t VALUES (1) RETURNING 1", "read-only")]
    public async Task What_is_no_query_is_said(string sql, string part)
    {
        await using var pg = await Database.StartAsync();
        await pg.ExecuteAsync("CREATE TABLE t (v int)");
        var e = await Assert.ThrowsAsync<LiveException>(async () => await pg.LiveQueryAsync(sql).GetAsyncEnumerator().MoveNextAsync());
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.Contains("only reads", e.Message, StringComparison.Ordinal);
        Assert.Equal(0L, await pg.QueryAsync<long>("SELECT count(*) FROM t"));
    }

    [Theory]
    [InlineData(10, "8:12:", true)]
    [InlineData(10, "8:12:9,10", false)]
    [InlineData(12, "8:12:", false)]
    [InlineData(5, "4294967290:4294967310:", true)]
    [InlineData(4294967291, "4294967290:4294967310:4294967291", false)]
    public void Transactions_that_a_snapshot_sees(uint transaction, string snapshot, bool expected) => Assert.Equal(expected, VisibleCommits.Snapshot.Parse(snapshot).Sees(transaction));

    [Fact]
    public void Names_of_changed_tables()
    {
        var tables = new HashSet<string>();
        ChangedTables.AddTables("table public.a, \"S:, \".\"t\"\"x\": TRUNCATE: (no-flags)", tables);
        ChangedTables.AddTables("table public.b: INSERT: a[text]:'table x: y'", tables);
        Assert.Equal(["public.a", "\"S:, \".\"t\"\"x\"", "public.b"], tables);
    }

    // The server notices a moment later that a reader has gone.
    private static async Task WaitForSlotAsync(PostgresInstance pg)
    {
        while (await pg.QueryAsync<bool>("SELECT active FROM pg_replication_slots WHERE slot_name = 'mine'"))
        {
            await Task.Yield();
        }
    }

    /// <summary>Reads changes from a moment that is known.</summary>
    private sealed class Reader : IAsyncDisposable
    {
        private readonly CancellationTokenSource _end = new(s_patience);
        private readonly IAsyncEnumerator<Change> _changes;
        private readonly TaskCompletionSource _started = new();
        private Task<bool> _next;

        public Reader(PostgresInstance pg, ChangeOptions options)
        {
            _changes = pg.ChangesAsync(options, _started.SetResult, _end.Token).GetAsyncEnumerator();
            _next = _changes.MoveNextAsync().AsTask();
            Task.WhenAny(_started.Task, _next).Wait();
        }

        public async Task<List<Change>> TakeAsync(int count)
        {
            var taken = new List<Change>();
            while (taken.Count < count)
            {
                Assert.True(await _next);
                taken.Add(_changes.Current);
                _next = _changes.MoveNextAsync().AsTask();
            }

            return taken;
        }

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            try
            {
                await _next;
            }
            catch (Exception e) when (e is OperationCanceledException or LiveException)
            {
                // As asked, or the server's end, which was seen.
            }

            await _changes.DisposeAsync();
            _end.Dispose();
        }
    }
}
