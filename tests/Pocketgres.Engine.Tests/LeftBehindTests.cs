using System.Diagnostics;
using Pocketgres.Kernel.Tests.Support;
using static Pocketgres.Engine.Tests.Clusters;

namespace Pocketgres.Engine.Tests;

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

        // Pools of the .NET runtime come and go, and threads wait for the next process for a while: wait until the count is back instead of taking one look.
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
            now.Threads == 0 && now.Descriptors <= before.Descriptors + 5 && now.Mappings <= before.Mappings;

        static async Task RoundAsync()
        {
            await using var cluster = await StartAsync();
            await ExecuteAsync(cluster, "select 1");
        }
    }

    private static (int Threads, int Descriptors, int Mappings) Usage() =>
        (HostResources.ProcessThreads(), HostResources.Descriptors(), HostResources.MemoryFileMaps("pocketgres"));
}
