namespace Pocketgres.Pglite;

/// <summary>Slots of <c>pglite.wasm</c>'s function table: what C code stores as a function pointer.</summary>
public static class PgliteTableSlots
{
    /// <summary><c>void SignalHandlerForCrashExit(SIGNAL_ARGS)</c> (postmaster/interrupt.c): the SIGQUIT handler of every child of the postmaster.</summary>
    public const int SignalHandlerForCrashExit = 2510;

    /// <summary>Function index expected in that slot.</summary>
    public const int SignalHandlerForCrashExitFunction = 4569;
}
