using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>Reads a <c>List</c> (nodes/pg_list.h) of pointers.</summary>
internal static unsafe class Lists
{
    /// <summary>list_length: 0 for NIL.</summary>
    public static int Length(byte* m, int list) => list == 0 ? 0 : *(int*)(m + (uint)list + PgliteStructs.List.Length);

    /// <summary>list_nth, of a list with more elements than <paramref name="index"/>.</summary>
    public static int Element(byte* m, int list, int index) => ((int*)(m + (uint)*(int*)(m + (uint)list + PgliteStructs.List.Elements)))[index];
}
