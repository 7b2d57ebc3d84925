namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>Waits on conditions. The pause between two looks is not part of any test's meaning; only the deadline is.</summary>
static class Wait
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Looks until the condition holds; fails the test, saying what was waited for, when it does not within the deadline.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? deadline = null)
    {
        TimeSpan limit = deadline ?? Deadline;
        var patience = new Patience(limit);
        while (!await condition())
        {
            if (patience.IsOver)
            {
                Assert.Fail($"not within {limit.TotalSeconds:0} s: {what}");
            }

            await Task.Delay(10);
        }
    }

    public static Task UntilAsync(Func<bool> condition, string what, TimeSpan? deadline = null) =>
        UntilAsync(() => Task.FromResult(condition()), what, deadline);

    /// <summary>Awaits a task that must end within the deadline.</summary>
    public static async Task<T> ForAsync<T>(Task<T> task, string what, TimeSpan? deadline = null)
    {
        await ForAsync((Task)task, what, deadline);
        return await task;
    }

    /// <inheritdoc cref="ForAsync{T}"/>
    public static async Task ForAsync(Task task, string what, TimeSpan? deadline = null)
    {
        TimeSpan limit = deadline ?? Deadline;
        if (!await Patience.EndsAsync(task, limit))
        {
            Assert.Fail($"not within {limit.TotalSeconds:0} s: {what}");
        }

        await task;
    }
}
