using Pocketgres.Testing;
using Pocketgres.Testing.Xunit;

namespace Pocketgres.Samples.Tests;

/// <summary>xUnit 2 makes a thread for each continuation of a test that awaits something, unless there is a synchronization context before the test.</summary>
public sealed class ThreadTests : PostgresTest<EmptyTemplate>
{
    [Fact]
    public async Task A_test_that_waited_goes_on_on_the_thread_pool()
    {
        await Task.Delay(TimeSpan.FromMilliseconds(1));
        Assert.True(Thread.CurrentThread.IsThreadPoolThread);
    }

    [Fact]
    public async Task The_context_of_the_test_is_xUnits_own()
    {
        Assert.NotNull(SynchronizationContext.Current);
        Assert.NotEqual(typeof(SynchronizationContext), SynchronizationContext.Current.GetType());
        await using var command = DataSource.CreateCommand("SELECT 1");
        Assert.Equal(1, await command.ExecuteScalarAsync());
    }
}
