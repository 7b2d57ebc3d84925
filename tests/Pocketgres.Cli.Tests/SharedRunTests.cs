using Pocketgres.Server.Observing;

namespace Pocketgres.Cli.Tests;

public class SharedRunTests
{
    [Fact]
    public async Task However_many_ask_it_runs_once_at_a_time_and_never_gives_an_old_answer()
    {
        int runs = 0, atATime = 0, most = 0;
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var shared = new SharedRun<int>(async () =>
        {
            most = Math.Max(most, Interlocked.Increment(ref atATime));
            int run = ++runs;
            await gate.Task;
            Interlocked.Decrement(ref atATime);
            return run;
        });
        Task<int> first = shared.RunAsync(CancellationToken.None);
        while (Volatile.Read(ref runs) == 0)
        {
            await Task.Yield();
        }

        Task<int>[] meanwhile = [.. Enumerable.Range(0, 1000).Select(_ => shared.RunAsync(CancellationToken.None))];
        using var impatient = new CancellationTokenSource();
        Task<int> gone = shared.RunAsync(impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        gate.SetResult();
        Assert.Equal(1, await first);
        Assert.All(await Task.WhenAll(meanwhile), run => Assert.Equal(2, run));
        Assert.Equal(3, await shared.RunAsync(CancellationToken.None));
        Assert.Equal(1, most);
    }

    [Fact]
    public async Task A_run_that_fails_does_not_spoil_the_next()
    {
        int runs = 0;
        var shared = new SharedRun<int>(() => ++runs == 1 ? throw new InvalidOperationException() : Task.FromResult(runs));
        await Assert.ThrowsAsync<InvalidOperationException>(() => shared.RunAsync(CancellationToken.None));
        Assert.Equal(2, await shared.RunAsync(CancellationToken.None));
    }
}
