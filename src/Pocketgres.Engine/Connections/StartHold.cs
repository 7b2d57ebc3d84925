using Pocketgres.Kernel;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace Pocketgres.Engine.Connections;

/// <summary>
/// Until the server's first startup process is done, which as a rule takes some milliseconds, connections are left where the host keeps them: who connects
/// early is answered a little later instead of being told that the database system is starting up, for which a process would be forked each time. After
/// <see cref="Patience"/>, in a recovery that takes longer, clients are told as ever.
/// </summary>
/// <param name="startup">The startup process.</param>
/// <param name="ready">Completes when the server lets clients in; a standby's startup process goes on for ever.</param>
internal sealed class StartHold(Process startup, Task? ready)
{
    /// <summary>How long at most.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly long _end = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * Patience.Ticks / TimeSpan.TicksPerSecond);

    /// <summary>Nanoseconds for which connections are to wait unless the startup process ends earlier, 0 when they are to be accepted.</summary>
    public long Remaining()
    {
        // Gone from the process table: its postmaster has seen its end, and lets clients in or not.
        if (ready is { IsCompleted: true } || startup.Kernel.Processes.Find(startup.Pid) != startup)
        {
            return 0;
        }

        return Math.Max(0, (long)((_end - Stopwatch.GetTimestamp()) * (1e9 / Stopwatch.Frequency)));
    }
}
