namespace Pocketgres.Server.Observing;

/// <summary>
/// Runs an action once for all who ask while it waits for its turn: however many ask, it runs once at a time, and nobody gets a result of a run that began
/// before they asked. Thread-safe.
/// </summary>
/// <param name="action">The action. It must end by itself: those who ask share it, so none of them can cancel it.</param>
internal sealed class SharedRun<T>(Func<Task<T>> action)
{
    private readonly Lock _lock = new();
    private Task _running = Task.CompletedTask;
    private Task<T>? _next;

    /// <summary>The result of a run that begins after this call.</summary>
    public Task<T> RunAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _next ??= RunAfterAsync(_running);
            return _next.WaitAsync(cancellationToken);
        }
    }

    private async Task<T> RunAfterAsync(Task previous)
    {
        // Not on the caller's stack, who holds the lock.
        await Task.Yield();
        await previous.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            _running = _next!;
            _next = null;
        }

        return await action().ConfigureAwait(false);
    }
}
