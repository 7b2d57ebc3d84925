using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Pocketgres.Api.Tests.Support;
using Pocketgres.Copying;

namespace Pocketgres.Api.Tests;

/// <summary>Copies to databases elsewhere. Which schemas and rows arrive, the command's tests say.</summary>
public sealed class TransferTests
{
    [Fact]
    public async Task To_a_directory_that_is_made_and_back_into_memory()
    {
        using var directory = new TemporaryDirectory();
        await using var pg = await Database.StartAsync(o => o with { Database = "shop" });
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i");
        var steps = new List<string>();
        string url = "file:" + directory.Below("data");
        var report = await pg.CopyToAsync(url, null, new Steps(steps.Add));
        Assert.Equal((1, 1000L), (report.Tables, report.Rows));
        Assert.Equal(("the schema", "all"), (steps[0], steps[^1]));

        string name = await pg.QueryAsync<string>("SELECT current_database()::text");
        await using var copy = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = url, Database = name });
        Assert.False(File.Exists(directory.Below("data/pocketgres.copied")));
        await using var again = await PostgresInstance.StartAsync("memory:");
        await copy.CopyToAsync(again);
        Assert.Equal(500500L, await again.QueryAsync<long>("SELECT sum(id) FROM t"));
        Assert.Contains("--replace", (await Assert.ThrowsAsync<CopyException>(() => copy.CopyToAsync(again))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_was_copied_says_so_when_it_is_served_again_and_its_clones_do_not()
    {
        using var directory = new TemporaryDirectory();
        using var log = new Warnings();
        var options = new PostgresInstanceOptions { Url = "file:" + directory.Below("old"), LoggerFactory = log };
        string other = "file:" + directory.Below("new");
        await using (var pg = await PostgresInstance.StartAsync(options))
        {
            await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
            await pg.CopyToAsync(other);
        }

        Assert.DoesNotContain(log.Lines, l => l.Contains("was copied", StringComparison.Ordinal));
        await using (var pg = await PostgresInstance.StartAsync(options))
        {
            string line = Assert.Single(log.Lines, l => l.Contains("was copied", StringComparison.Ordinal));
            Assert.Contains($"the database postgres of this directory was copied to {other} at ", line, StringComparison.Ordinal);
            await pg.SaveAsync(directory.Below("saved"));
            await using var clone = await pg.CloneAsync();
            Assert.Single(log.Lines, l => l.Contains("was copied", StringComparison.Ordinal));
        }

        Assert.True(File.Exists(directory.Below("old/pocketgres.copied")));
        Assert.False(File.Exists(directory.Below("saved/pocketgres.copied")));
    }

    [Fact]
    public async Task An_empty_database_in_place_of_a_directory_that_has_one_is_warned_of()
    {
        using var directory = new TemporaryDirectory();
        using var log = new Warnings();
        string old = "file:" + directory.Below("old");
        var options = new PostgresInstanceOptions { Url = "memory:", PreviousUrl = old, LoggerFactory = log };
        await using (await PostgresInstance.StartAsync(options))
        {
            // There is no such directory.
        }

        await using (var pg = await PostgresInstance.StartAsync(options with { Url = old }))
        {
            // It is the same.
        }

        Assert.DoesNotContain(log.Lines, IsIt);
        await using var empty = await PostgresInstance.StartAsync(options);
        Assert.Contains(old, Assert.Single(log.Lines, IsIt), StringComparison.Ordinal);
        await empty.ExecuteAsync("CREATE TABLE t (id int)");
        await using (await PostgresInstance.StartAsync(options with { Url = empty.ConnectionString }))
        {
            Assert.Single(log.Lines, IsIt);
        }

        var e = await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync(options with { PreviousUrl = "postgres://u:secret@host/d" }));
        Assert.Equal(PocketgresError.InvalidOption, e.Error);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);

        static bool IsIt(string line) => line.Contains("has no table", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_it_leaves_the_target_empty()
    {
        await using var pg = await Database.StartAsync();
        await using var target = await PostgresInstance.StartAsync("memory:");
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pg.CopyToAsync(target, null, new Steps(_ => cancel.Cancel()), cancel.Token));
        Assert.Equal(0L, await target.QueryAsync<long>("SELECT count(*) FROM pg_class WHERE oid >= 16384"));
    }

    /// <summary>What is logged as a warning or worse.</summary>
    private sealed class Warnings : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Lines.Enqueue(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }

    private sealed class Steps(Action<string> add) : IProgress<DatabaseCopyProgress>
    {
        public void Report(DatabaseCopyProgress value) => add(value.What);
    }
}
