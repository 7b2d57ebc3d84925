namespace Pocketgres.Pglite;

/// <summary>Slots of <c>pglite.wasm</c>'s function table: what C code stores as a function pointer.</summary>
public static class PgliteTableSlots
{
    /// <summary><c>void SignalHandlerForCrashExit(SIGNAL_ARGS)</c> (postmaster/interrupt.c): the SIGQUIT handler of every child of the postmaster.</summary>
    public const int SignalHandlerForCrashExit = 2510;

    /// <summary>Function index expected in that slot.</summary>
    public const int SignalHandlerForCrashExitFunction = 4569;

    /// <summary><c>int ssup_datum_unsigned_cmp(Datum, Datum, SortSupport)</c> (utils/sort/tuplesort.c), folded with another one of the same code.</summary>
    public const int SsupDatumUnsignedCmp = 116;

    /// <summary>Function index expected in that slot.</summary>
    public const int SsupDatumUnsignedCmpFunction = 850;

    /// <summary><c>static int varstrfastcmp_c(Datum, Datum, SortSupport)</c> (utils/adt/varlena.c): texts by their bytes.</summary>
    public const int VarstrFastCmpC = 2318;

    /// <summary>Function index expected in that slot.</summary>
    public const int VarstrFastCmpCFunction = 9382;

    /// <summary><see cref="PgliteFunctions.ComparetupHeapTiebreak"/>.</summary>
    public const int ComparetupHeapTiebreak = 2734;

    /// <summary><see cref="PgliteFunctions.ComparetupIndexBtreeTiebreak"/>.</summary>
    public const int ComparetupIndexBtreeTiebreak = 2745;
}
