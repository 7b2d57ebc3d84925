using System.Diagnostics;
using static Pocketgres.Engine.Tests.Clusters;

namespace Pocketgres.Engine.Tests;

/// <summary>Tests that count what the whole .NET process holds run alone: all others have clusters in it too.</summary>
[CollectionDefinition("Whole process", DisableParallelization = true)]
public sealed class WholeProcessCollection;

/// <summary>What clusters leave behind in the process that they ran in: nothing.</summary>
[Collection("Whole process")]
public sealed class LeftBehindTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Starting_and_stopping_leaves_no_thread_descriptor_or_mapping_behind()
    {
        // The first rounds load code and fill pools.
        for (int i = 0; i < 2; i++)
        {
            await RoundAsync();
        }

        var before = Usage();
        for (int i = 0; i < 5; i++)
        {
            await RoundAsync();
        }

        // Pools of the .NET runtime come and go: wait until the count is back instead of taking one look.
        var deadline = Stopwatch.StartNew();
        var after = Usage();
        while (!IsBack(after) && deadline.Elapsed < s_deadline)
        {
            GC.Collect();
            await Task.Delay(50);
            after = Usage();
        }

        Assert.True(IsBack(after), $"{before} -> {after}");

        bool IsBack((int Threads, int Descriptors, int Mappings) now) =>
            now.Threads <= before.Threads && now.Descriptors <= before.Descriptors + 5 && now.Mappings <= before.Mappings;

        static async Task RoundAsync()
        {
            await using var cluster = await StartAsync();
            await ExecuteAsync(cluster, "select 1");
        }
    }

    // Threads of the clusters' processes, which are named "pg-" and a number; descriptors; mappings of shared memory.
    private static (int Threads, int Descriptors, int Mappings) Usage() =>
    (
        Directory.EnumerateDirectories("/proc/self/task").Count(IsOfProcess),
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(),
        File.ReadLines("/proc/self/maps").Count(l => l.Contains("memfd:pocketgres", StringComparison.Ordinal))
    );

    private static bool IsOfProcess(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("pg-", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has ended
        }
    }
}
