namespace Pocketgres.Engine.Pg;

/// <summary>Reads a <c>List</c> (nodes/pg_list.h) of pointers.</summary>
internal static unsafe class Lists
{
    /// <summary>list_length: 0 for NIL.</summary>
    public static int Length(byte* m, long list) => list == 0 ? 0 : new GuestList(m, (uint)list).Length;

    /// <summary>list_nth, of a list with more elements than <paramref name="index"/>.</summary>
    public static uint Element(byte* m, long list, int index) => new GuestList(m, (uint)list).Element(index).Pointer;
}
