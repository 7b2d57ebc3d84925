using Pocketgres.Api.Tests.Support;
using Pocketgres.Copying;
using Pocketgres.Directories;
using Pocketgres.Transfer;

namespace Pocketgres.Api.Tests;

/// <summary>Dumps, and data directories for other servers, as methods. What is in them, the command's tests say.</summary>
public sealed class WaysTests
{
    private const string Content =
        "CREATE TABLE t (id bigint PRIMARY KEY DEFAULT -5, v float8 CHECK (v < 1e10)); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i; CREATE VIEW big AS SELECT id + 5000000000 AS id FROM t WHERE v <> 2.5";

    private const string Sum = "SELECT sum(id)::bigint FROM big";

    [Fact]
    public async Task A_dump_is_restored_into_an_empty_database_and_failures_leave_it_empty()
    {
        using var directory = new TemporaryDirectory();
        string dump = directory.Below("shop.dump"), script = directory.Below("shop.sql");
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await pg.ExecuteAsync(Content);
        await pg.DumpAsync(dump);
        await pg.DumpAsync(script, new DumpOptions { Arguments = ["--table=t"] });
        Assert.True((await File.ReadAllBytesAsync(dump)).AsSpan().StartsWith("PGDMP"u8));
        long expected = await pg.QueryAsync<long>(Sum);

        await using var other = await PostgresInstance.StartAsync("memory:");
        Assert.True(await other.RestoreAsync(dump));
        Assert.Equal(expected, await other.QueryAsync<long>(Sum));
        Assert.Contains("not empty", (await Assert.ThrowsAsync<CopyException>(() => other.RestoreAsync(script))).Message, StringComparison.Ordinal);
        Assert.True(await other.RestoreAsync(script, new RestoreOptions { Replace = true }));
        Assert.Equal(1000L, await other.QueryAsync<long>("SELECT count(*) FROM t"));

        await File.WriteAllTextAsync(script, "CREATE TABLE half (i int); SELECT nothing");
        Assert.Contains("column \"nothing\" does not exist", (await Assert.ThrowsAsync<CopyException>(() => other.RestoreAsync(script, new RestoreOptions { Replace = true }))).Message, StringComparison.Ordinal);
        Assert.Equal(0L, await other.QueryAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
        Assert.Contains("no matching tables", (await Assert.ThrowsAsync<CopyException>(() => pg.DumpAsync(dump, new DumpOptions { Arguments = ["--table=does_not_exist"] }))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<DumpException>(() => other.RestoreAsync(directory.Below("missing")));
        Assert.Equal([dump, script], Directory.GetFileSystemEntries(directory.Path).Order());
    }

    [Fact]
    public async Task A_restore_that_is_cancelled_leaves_the_database_empty_and_a_dump_no_file()
    {
        using var directory = new TemporaryDirectory();
        string script = directory.Below("slow.sql");
        await File.WriteAllTextAsync(script, "CREATE TABLE half (i int);\nSELECT pg_advisory_lock(7);\n");
        await using var pg = await PostgresInstance.StartAsync("memory:");
        await using var holder = await pg.DataSource.OpenConnectionAsync();
        await using (var take = new NpgsqlCommand("SELECT pg_advisory_lock(7)", holder))
        {
            await take.ExecuteNonQueryAsync();
        }

        using var cancellation = new CancellationTokenSource();
        var restore = pg.RestoreAsync(script, cancellationToken: cancellation.Token);
        while (await pg.QueryAsync<long>("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0)
        {
            Assert.False(restore.IsCompleted);
        }

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => restore);
        Assert.Equal(0L, await pg.QueryAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"));

        await pg.ExecuteAsync("CREATE TABLE locked (i int)");
        await using (var exclusively = new NpgsqlCommand("BEGIN; LOCK TABLE locked", holder))
        {
            await exclusively.ExecuteNonQueryAsync();
        }

        using var second = new CancellationTokenSource();
        var dump = pg.DumpAsync(directory.Below("locked.dump"), cancellationToken: second.Token);
        while (await pg.QueryAsync<long>("SELECT count(*) FROM pg_locks WHERE relation = 'locked'::regclass AND NOT granted") == 0)
        {
            Assert.False(dump.IsCompleted);
        }

        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dump);
        Assert.Equal([script], Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData(ExportFormat.Native)]
    [InlineData(ExportFormat.PGlite)]
    public async Task What_was_exported_is_imported_again(ExportFormat format)
    {
        using var directory = new TemporaryDirectory();
        string exported = directory.Below("exported"), imported = directory.Below("imported");
        var phases = new List<DirectoryPhase>();
        long expected;
        await using (var pg = await PostgresInstance.StartAsync("memory:"))
        {
            await pg.ExecuteAsync(Content);
            expected = await pg.QueryAsync<long>(Sum);
            await pg.ExportAsync(exported, new ExportOptions { Format = format }, new Phases(phases.Add));
            Assert.Equal(expected, await pg.QueryAsync<long>(Sum));
        }

        Assert.Equal(format == ExportFormat.PGlite, phases.Contains(DirectoryPhase.Packing));
        using var cancelled = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PostgresInstance.ImportAsync(exported, imported, progress: new Phases(_ => cancelled.Cancel()), cancellationToken: cancelled.Token));
        Assert.False(File.Exists(Path.Combine(imported, "PG_VERSION")));
        await PostgresInstance.ImportAsync(exported, imported);
        await using (var pg = await PostgresInstance.StartAsync("file:" + imported))
        {
            Assert.Equal(expected, await pg.QueryAsync<long>(Sum));
            await pg.ExecuteAsync("INSERT INTO t DEFAULT VALUES");
        }

        Assert.Equal([exported, imported], Directory.GetFileSystemEntries(directory.Path).Order());
    }

    private sealed class Phases(Action<DirectoryPhase> report) : IProgress<DirectoryProgress>
    {
        public void Report(DirectoryProgress value) => report(value.Phase);
    }
}
