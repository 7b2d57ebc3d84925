using System.Diagnostics;
using System.Reflection;

namespace Pocketgres.Bench.Tests;

/// <summary>That the benchmark works, on every kind of line; not how fast anything is.</summary>
public sealed class SmokeTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Every_kind_of_line_can_be_measured()
    {
        string root = typeof(SmokeTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepositoryRoot").Value!;
        using var bench = Process.Start(new ProcessStartInfo(Path.Combine(root, "bench", "run"), "--smoke")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        })!;
        bench.StandardInput.Close();
        var table = bench.StandardOutput.ReadToEndAsync();
        var log = bench.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(s_patience);
        try
        {
            await bench.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            bench.Kill(entireProcessTree: true);
        }

        Assert.True(bench.ExitCode == 0, $"bench/run --smoke: exit code {bench.ExitCode}\n{await log}");

        // A table row is "| line | unit | ours | native | ratio ...".
        string[][] rows = [.. (await table).Split('\n').Where(l => l.StartsWith("| ", StringComparison.Ordinal)).Select(l => l.Split('|', StringSplitOptions.TrimEntries))];
        foreach (string unit in new[] { "tps", "ms", "MB", "% core" })
        {
            Assert.Contains(rows, r => r[2] == unit && r[3].Length > 0 && r[4].Length > 0);
        }

        Assert.DoesNotContain(rows, r => r[2].Length > 0 && !r[2].Contains("unit", StringComparison.Ordinal) && r[3].Length == 0);
    }
}
