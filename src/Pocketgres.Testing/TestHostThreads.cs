namespace Pocketgres.Testing;

/// <summary>Threads for databases in a test host.</summary>
internal static class TestHostThreads
{
    // What a host keeps for the whole run: VSTest one thread that waits for messages, xUnit's adapter one for each assembly, runners some for tests that block.
    private const int HeldByHost = 6;

    /// <summary>
    /// Raises the number of threads that the thread pool makes without waiting. Test hosts block some of its threads for the whole run; with two
    /// processors no other is left then, and all asynchronous work stands still until the pool, every half a second, adds one: a second
    /// at the start of a run. Process-wide, as the pool is; never lowers what somebody else has set. Any thread, any number of times.
    /// </summary>
    public static void Ensure()
    {
        ThreadPool.GetMinThreads(out int workers, out int completionPorts);
        if (workers < Environment.ProcessorCount + HeldByHost)
        {
            ThreadPool.SetMinThreads(Environment.ProcessorCount + HeldByHost, completionPorts);
        }
    }
}
