using Pocketgres.Cli.Tests.Support;

namespace Pocketgres.Cli.Tests;

/// <summary><c>doctor</c> as a process.</summary>
public sealed class DoctorTests(MemoryServer server) : IClassFixture<MemoryServer>
{
    [Fact]
    public async Task A_directory_that_is_not_made_yet_stays_so_and_the_machine_is_looked_at()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Below("data");
        var result = await CliProcess.RunAsync("doctor", "file:" + data, "--all");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        foreach (string subject in new[] { "memfd_create", "open files", "vm.max_map_count", "disk", "clock", "directory", "connection", "version", "durability", "extensions" })
        {
            Assert.Contains($" {subject}: ", result.Output, StringComparison.Ordinal);
        }

        Assert.StartsWith("healthy: 0 problems", result.Output.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public async Task What_is_wrong_with_a_server_is_said_with_what_to_do()
    {
        string url = await server.CreateDatabaseAsync();
        await MemoryServer.ExecuteAsync(url, "CREATE SCHEMA pocketgres_unfinished_copy; CREATE TABLE t (a int); CREATE INDEX broken ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass");
        var result = await CliProcess.RunAsync("doctor", url);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("PROBLEM unfinished copies: ", result.Output, StringComparison.Ordinal);
        Assert.Contains("warning indexes: broken is not valid: REINDEX", result.Output, StringComparison.Ordinal);
        Assert.Contains("warning durability: fsync is off: turn it on", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ok ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_a_problem()
    {
        var result = await CliProcess.RunAsync("doctor", "postgres://u@127.0.0.1:1/d");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("PROBLEM connection: ", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("unhealthy: 1 problems, 0 warnings, 1 looked at\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_foreign_directory_is_a_problem()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("data/PG_VERSION", "17\n");
        var result = await CliProcess.RunAsync("doctor", "file:" + directory.Below("data"));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("PROBLEM server: ", result.Output, StringComparison.Ordinal);
    }
}
