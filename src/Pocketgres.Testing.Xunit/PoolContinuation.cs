namespace Pocketgres.Testing.Xunit;

/// <summary>Keeps xUnit from making threads.</summary>
/// <remarks>
/// While an async test method runs, xUnit 2 has a synchronization context of its own in place (AsyncTestSyncContext), which hands everything that is
/// posted to the context it found before. If it found none, which is the rule (parallelAlgorithm conservative), it makes a new thread for each: five for
/// a test that awaits anything at all, some 0.2 ms of processor time each. It looks for that context right after the task of InitializeAsync, on
/// the thread that completed it. So that thread has one at that moment: .NET's base class, which means the thread pool and nothing else, the same as none.
/// </remarks>
internal static class PoolContinuation
{
    private static readonly SynchronizationContext s_pool = new();

    /// <summary>A task that ends as another one does; what awaits it runs with the thread pool's synchronization context.</summary>
    public static Task After(Task task)
    {
        // Awaited by who calls us now: their thread's context is theirs.
        if (task.IsCompleted)
        {
            return task;
        }

        var result = new TaskCompletionSource();
        task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(() =>
        {
            var previous = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(s_pool);
            try
            {
                result.SetFromTask(task);
            }
            finally
            {
                SynchronizationContext.SetSynchronizationContext(previous);
            }
        });
        return result.Task;
    }
}
