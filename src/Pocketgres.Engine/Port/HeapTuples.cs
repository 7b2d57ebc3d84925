using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>Reads a <c>HeapTuple</c> (access/htup.h).</summary>
internal static unsafe class HeapTuples
{
    /// <summary>GETSTRUCT: where the columns of a catalog's row begin.</summary>
    public static byte* Row(byte* m, int tuple)
    {
        uint data = *(uint*)(m + (uint)tuple + PgliteStructs.HeapTuple.Data);
        return m + data + m[data + PgliteStructs.HeapTuple.HeaderSize];
    }
}
