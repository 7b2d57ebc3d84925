using System.Diagnostics;
using Pocketgres.Server.Watching;

namespace Pocketgres.Cli.Tests;

public class ProcessWatchTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_is_noticed_once_it_happens(bool usePidfd)
    {
        using var process = Process.Start(new ProcessStartInfo("cat") { RedirectStandardInput = true })!;
        using var watch = ProcessWatch.Start(process.Id, usePidfd);
        Assert.NotNull(ProcessWatch.StartTime(process.Id));
        Assert.False(watch.Ended.IsCompleted);
        process.StandardInput.Close();
        await watch.Ended.WaitAsync(s_deadline);
        Assert.Null(ProcessWatch.StartTime(process.Id));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_process_that_is_gone_has_ended(bool usePidfd)
    {
        using var process = Process.Start("true");
        await process.WaitForExitAsync();
        using var watch = ProcessWatch.Start(process.Id, usePidfd);
        await watch.Ended.WaitAsync(s_deadline);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_ends_the_watch_not_the_process(bool usePidfd)
    {
        int before = WatchThreads();
        var watch = ProcessWatch.Start(Environment.ProcessId, usePidfd);
        watch.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch.Ended.WaitAsync(s_deadline));
        Assert.True(SpinWait.SpinUntil(() => WatchThreads() <= before, s_deadline), "the watching thread is still there");
    }

    // The thread's name, as comm(5) cuts it; other tests may watch at the same time, but xunit runs the tests of one class one by one.
    private static int WatchThreads() => Directory.EnumerateDirectories("/proc/self/task").Count(task =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).Trim() == "process watch";
        }
        catch (IOException)
        {
            return false;
        }
    });
}
