using Npgsql;
using Pocketgres.Cli.Tests.Support;
using Pocketgres.Copying;
using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

/// <summary>One database into another while it is written.</summary>
public sealed class LiveCopyTests(MemoryServer server) : IClassFixture<MemoryServer>
{
    private const string Nothing = "SELECT (SELECT count(*) FROM pg_subscription WHERE subname LIKE 'pocketgres_copy%') + (SELECT count(*) FROM pg_publication WHERE pubname LIKE 'pocketgres_copy%') "
        + "+ (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())";

    [Fact]
    public async Task What_is_committed_until_the_cut_over_is_at_the_target_once_and_nothing_is_written_to_the_source_after_it()
    {
        var (source, target) = await CreateAsync("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, w int, n int); CREATE TABLE sums (w int PRIMARY KEY, n int); INSERT INTO sums VALUES (0, 0), (1, 0)");
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 2).Select(w => Task.Run(() => WriteAsync(source, w, stop.Token))).ToArray();
        var report = await RunAsync(source, target, cutOver: true);
        string ended = Assert.Single(await MemoryServer.QueryAsync(target, "INSERT INTO t (w, n) VALUES (9, 0) RETURNING id"));
        int[] written = await Task.WhenAll(writers);

        Assert.Equal(2, report.Tables);
        Assert.Empty(report.LeftBehind);
        Assert.All(written, n => Assert.True(n > 0));
        Assert.Equal(["0", "0"], await MemoryServer.QueryAsync(target, "SELECT count(*) FROM t WHERE w < 2 UNION ALL SELECT sum(n) FROM sums").ContinueWith(
            t => t.Result.ConvertAll(n => (int.Parse(n, null) - written.Sum()).ToString(System.Globalization.CultureInfo.InvariantCulture)), TaskScheduler.Default));
        Assert.Equal(["2"], await MemoryServer.QueryAsync(target, "SELECT count(*) FROM (SELECT w FROM t WHERE w < 2 GROUP BY w HAVING count(*) = max(n) AND count(DISTINCT n) = count(*)) g"));
        Assert.Equal([ended], await MemoryServer.QueryAsync(target, "SELECT max(id) FROM t"));
        Assert.Equal(PostgresErrorCodes.ReadOnlySqlTransaction, (await Assert.ThrowsAsync<PostgresException>(() => MemoryServer.ExecuteAsync(source, "INSERT INTO t (w) VALUES (1)"))).SqlState);
        Assert.Equal(["0", "0"], [.. await MemoryServer.QueryAsync(source, Nothing), .. await MemoryServer.QueryAsync(target, Nothing)]);
    }

    [Fact]
    public async Task It_goes_on_after_an_interruption_and_a_table_made_meanwhile_is_named_while_the_source_stays_open()
    {
        var (source, target) = await CreateAsync("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000); CREATE SEQUENCE s");
        await FollowAsync(source, target);
        await MemoryServer.ExecuteAsync(source, "INSERT INTO t SELECT generate_series(1001, 2000); DELETE FROM t WHERE id = 1; SELECT nextval('s'), nextval('s'); CREATE TABLE later (id int PRIMARY KEY)");
        string refused = (await Assert.ThrowsAsync<CopyException>(() => RunAsync(source, target, cutOver: true))).Message;
        Assert.Contains("public.later", refused, StringComparison.Ordinal);
        await MemoryServer.ExecuteAsync(source, "DROP TABLE later; UPDATE t SET id = -2 WHERE id = 2");
        Assert.Equal(1999, (await RunAsync(source, target, cutOver: true)).Rows);
        Assert.Equal(["-2", "3"], [.. await MemoryServer.QueryAsync(target, "SELECT min(id) FROM t"), .. await MemoryServer.QueryAsync(target, "SELECT nextval('s')")]);
    }

    [Fact]
    public async Task A_change_that_the_target_refuses_is_an_error_and_an_abandoned_copy_leaves_nothing_but_rows()
    {
        var (source, target) = await CreateAsync("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
        await FollowAsync(source, target);
        await MemoryServer.ExecuteAsync(target, "INSERT INTO t VALUES (2)");
        await MemoryServer.ExecuteAsync(source, "INSERT INTO t VALUES (2)");
        Assert.Contains("refused a change", (await Assert.ThrowsAsync<CopyException>(() => RunAsync(source, target, cutOver: false))).Message, StringComparison.Ordinal);
        Assert.True(await LiveCopy.AbandonAsync(ConnectionStringOf(source), ConnectionStringOf(target), default));
        Assert.Equal(["0", "0", "2"], [.. await MemoryServer.QueryAsync(source, Nothing), .. await MemoryServer.QueryAsync(target, Nothing), .. await MemoryServer.QueryAsync(target, "SELECT count(*) FROM t")]);
        await MemoryServer.ExecuteAsync(source, "INSERT INTO t VALUES (3)");
        Assert.False(await LiveCopy.AbandonAsync(ConnectionStringOf(source), ConnectionStringOf(target), default));
    }

    [Fact]
    public async Task What_cannot_be_followed_is_refused_before_anything_is_done()
    {
        var (source, target) = await CreateAsync("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int)");
        Assert.Contains(" public.b ", await Refused(), StringComparison.Ordinal);
        await MemoryServer.ExecuteAsync(source, "ALTER TABLE b REPLICA IDENTITY FULL");

        string unreachable = (await Assert.ThrowsAsync<CopyException>(() => RunAsync(source, target, cutOver: true, "host=127.0.0.1 port=1 user=postgres"))).Message;
        Assert.Contains("--source-url", unreachable, StringComparison.Ordinal);

        string slot = Assert.Single(await MemoryServer.QueryAsync(source, "SELECT 'pocketgres_copy_' || oid FROM pg_database WHERE datname = current_database()"));
        await MemoryServer.ExecuteAsync(source, $"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        Assert.Contains("--abandon", await Refused(), StringComparison.Ordinal);
        Assert.True(await LiveCopy.AbandonAsync(ConnectionStringOf(source), ConnectionStringOf(target), default));

        await MemoryServer.ExecuteAsync(target, "CREATE TABLE own (id int)");
        Assert.Contains("public.own", await Refused(), StringComparison.Ordinal);
        Assert.Equal(["0", "0"], [.. await MemoryServer.QueryAsync(source, Nothing), .. await MemoryServer.QueryAsync(target, Nothing)]);

        await using var replica = await PostgresServer.StartAsync(new ServerOptions { Port = 0, Settings = new Dictionary<string, string> { ["wal_level"] = "replica" } });
        Assert.Contains("wal_level = replica", (await Assert.ThrowsAsync<CopyException>(() => RunAsync(replica.ConnectionUrl, target, cutOver: true))).Message, StringComparison.Ordinal);

        async Task<string> Refused() => (await Assert.ThrowsAsync<CopyException>(() => RunAsync(source, target, cutOver: true))).Message;
    }

    [Theory]
    [InlineData("file:/tmp", "without --live", "copy", "--live", "file:/tmp", "postgres://h/d")]
    [InlineData("memory:", "would be gone", "copy", "--live", "postgres://h/d", "memory:")]
    [InlineData("--cut-over", "need --live", "copy", "--cut-over", "postgres://h/d", "postgres://h/e")]
    public async Task Options_that_make_no_sense_are_refused(string what, string why, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(what, result.Error, StringComparison.Ordinal);
        Assert.Contains(why, result.Error, StringComparison.Ordinal);
    }

    private static string ConnectionStringOf(string url) => ConnectionUri.Parse(url).ConnectionString;

    private static Task<LiveCopyReport> RunAsync(
        string source, string target, bool cutOver, string? sourceAtTarget = null, IProgress<DatabaseCopyProgress>? progress = null, CancellationToken cancellationToken = default) =>
        LiveCopy.RunAsync(ConnectionStringOf(source), ConnectionStringOf(target), new LiveCopyOptions
        {
            SourceAtTarget = sourceAtTarget ?? source, CutOver = cutOver,
        }, progress, null, cancellationToken);

    // Until the target has what was there at the beginning.
    private static async Task FollowAsync(string source, string target)
    {
        using var stop = new CancellationTokenSource();
        var following = new Progress(p => p.What.StartsWith("following", StringComparison.Ordinal), stop.Cancel);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync(source, target, cutOver: false, progress: following, cancellationToken: stop.Token));
    }

    // Transactions of two statements, until the source refuses them; how many were acknowledged.
    private static async Task<int> WriteAsync(string source, int writer, CancellationToken cancellationToken)
    {
        int n = 0;
        while (true)
        {
            try
            {
                await using var connection = await MemoryServer.OpenAsync(source);
                while (true)
                {
                    await using var command = new NpgsqlCommand($"BEGIN; INSERT INTO t (w, n) VALUES ({writer}, {n + 1}); UPDATE sums SET n = n + 1 WHERE w = {writer}; COMMIT", connection);
                    await command.ExecuteNonQueryAsync(cancellationToken);
                    n++;
                }
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction)
            {
                return n;
            }
            catch (NpgsqlException)
            {
                // The session was ended: a commit that was not acknowledged may have been one.
                n = int.Parse(Assert.Single(await MemoryServer.QueryAsync(source, $"SELECT n FROM sums WHERE w = {writer}")), null);
            }
        }
    }

    private async Task<(string Source, string Target)> CreateAsync(string sql)
    {
        string source = await server.CreateDatabaseAsync();
        await MemoryServer.ExecuteAsync(source, sql);
        return (source, await server.CreateDatabaseAsync());
    }

    private sealed class Progress(Func<DatabaseCopyProgress, bool> when, Action act) : IProgress<DatabaseCopyProgress>
    {
        public void Report(DatabaseCopyProgress value)
        {
            if (when(value))
            {
                act();
            }
        }
    }
}
