using Pocketgres.Api.Tests.Support;
using Pocketgres.Migrations;

namespace Pocketgres.Api.Tests;

/// <summary>MigrateAsync; what folders mean is tested with the command.</summary>
public sealed class MigrationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Progress_report_and_a_second_run()
    {
        await using var pg = await Database.StartAsync();
        File.WriteAllText(_directory.Below("1.sql"), "CREATE TABLE a (x int);");
        File.WriteAllText(_directory.Below("2.sql"), "INSERT INTO a VALUES (1);");
        var seen = new Seen();
        var report = await pg.MigrateAsync(_directory.Path, progress: seen);
        Assert.Equal(["1.sql", "2.sql"], report.Applied);
        Assert.Equal([new MigrationProgress("1.sql", 1, 2), new MigrationProgress("2.sql", 2, 2)], seen.Values);
        Assert.Empty((await pg.MigrateAsync(_directory.Path)).Applied);
        File.Delete(_directory.Below("2.sql"));
        Assert.Equal(["2.sql"], (await pg.MigrateAsync(_directory.Path)).Missing);
    }

    [Fact]
    public async Task Cancelled_in_the_middle_it_leaves_the_migrations_before()
    {
        await using var pg = await Database.StartAsync();
        File.WriteAllText(_directory.Below("1.sql"), "CREATE TABLE a (x int);");
        File.WriteAllText(_directory.Below("2.sql"), "CREATE TABLE b (x int); SELECT pg_sleep(600);");
        using var cancel = new CancellationTokenSource();
        var run = pg.MigrateAsync(_directory.Path, cancellationToken: cancel.Token);
        await pg.UntilAsync("EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid())");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Equal("a", await pg.QueryAsync<string>("SELECT string_agg(relname, ',') FROM pg_class WHERE relname IN ('a', 'b')"));
        File.WriteAllText(_directory.Below("2.sql"), "CREATE TABLE b (x int)");
        Assert.Equal(["2.sql"], (await pg.MigrateAsync(_directory.Path)).Applied);
    }

    private sealed class Seen : IProgress<MigrationProgress>
    {
        public List<MigrationProgress> Values { get; } = [];

        public void Report(MigrationProgress value) => Values.Add(value);
    }
}
