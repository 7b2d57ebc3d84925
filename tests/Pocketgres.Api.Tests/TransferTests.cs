using Pocketgres.Api.Tests.Support;
using Pocketgres.Copying;

namespace Pocketgres.Api.Tests;

/// <summary>Copies to databases elsewhere. Which schemas and rows arrive, the command's tests say.</summary>
public sealed class TransferTests
{
    private static readonly DatabaseCopyOptions s_options = new() { PgDump = PgDump };

    [Fact]
    public async Task To_a_directory_that_is_made_and_back_into_memory()
    {
        using var directory = new TemporaryDirectory();
        await using var pg = await Database.StartAsync(o => o with { Database = "shop" });
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i");
        var steps = new List<string>();
        string url = "file:" + directory.Below("data");
        var report = await pg.CopyToAsync(url, s_options, new Steps(steps.Add));
        Assert.Equal((1, 1000L), (report.Tables, report.Rows));
        Assert.Equal(("the schema", "all"), (steps[0], steps[^1]));

        string name = await pg.QueryAsync<string>("SELECT current_database()::text");
        await using var copy = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = url, Database = name });
        await using var again = await PostgresInstance.StartAsync("memory:");
        await copy.CopyToAsync(again, s_options);
        Assert.Equal(500500L, await again.QueryAsync<long>("SELECT sum(id) FROM t"));
        Assert.Contains("--replace", (await Assert.ThrowsAsync<CopyException>(() => copy.CopyToAsync(again, s_options))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_it_leaves_the_target_empty()
    {
        await using var pg = await Database.StartAsync();
        await using var target = await PostgresInstance.StartAsync("memory:");
        await pg.ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY)");
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pg.CopyToAsync(target, s_options, new Steps(_ => cancel.Cancel()), cancel.Token));
        Assert.Equal(0L, await target.QueryAsync<long>("SELECT count(*) FROM pg_class WHERE oid >= 16384"));
    }

    private static string PgDump
    {
        get
        {
            string? given = Environment.GetEnvironmentVariable("POCKETGRES_PG18_DIR");
            string root = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(root, "Pocketgres.slnx")))
            {
                root = Path.GetDirectoryName(root)!;
            }

            string path = Path.Combine(string.IsNullOrEmpty(given) ? Path.Combine(root, "artifacts", "pg18") : given, "bin", "pg_dump");
            Assert.True(File.Exists(path), $"pg_dump is not installed ({path}): run eng/pg18.sh");
            return path;
        }
    }

    private sealed class Steps(Action<string> add) : IProgress<DatabaseCopyProgress>
    {
        public void Report(DatabaseCopyProgress value) => add(value.What);
    }
}
