using Pocketgres.Kernel;

namespace Pocketgres.Engine;

/// <summary>pg_ctl's shutdown modes: the signal each one sends to the postmaster.</summary>
public enum ShutdownMode
{
    /// <summary>Waits for all clients to leave.</summary>
    Smart = Signal.Terminate,

    /// <summary>Rolls back what is active, disconnects clients, writes a checkpoint.</summary>
    Fast = Signal.Interrupt,

    /// <summary>Ends at once; the next start recovers from the log.</summary>
    Immediate = Signal.Quit,
}
