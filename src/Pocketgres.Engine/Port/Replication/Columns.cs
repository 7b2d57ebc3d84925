using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>A relation's columns that a publication publishes.</summary>
/// <param name="m">The process's memory.</param>
/// <param name="relation">A Relation.</param>
/// <param name="list">The column list, a Bitmapset of attribute numbers; 0 for none.</param>
/// <param name="generated">PublishGencolsType: 's' publishes stored generated columns.</param>
internal readonly unsafe struct Columns(byte* m, int relation, int list, int generated)
{
    private readonly byte* _m = m;
    private readonly int _descriptor = *(int*)(m + (uint)relation + PgliteStructs.Relation.Descriptor);
    private readonly int _list = list;
    private readonly int _generated = generated;

    /// <summary>All columns, published or not.</summary>
    public int Total => *(int*)(_m + (uint)_descriptor);

    /// <summary>Address of a column's pg_attribute.</summary>
    public int Attribute(int index) =>
        _descriptor + PgliteStructs.TupleDesc.CompactAttributes + (Total * PgliteStructs.TupleDesc.CompactAttributeSize) + (index * PgliteStructs.PgAttribute.Size);

    /// <summary>True when the column at this index is published.</summary>
    public bool IsPublished(int index) => IsPublished(_m, Attribute(index), _list, _generated);

    /// <summary>How many are published.</summary>
    public int Count()
    {
        int count = 0;
        for (int i = 0; i < Total; i++)
        {
            count += IsPublished(i) ? 1 : 0;
        }

        return count;
    }

    /// <summary>
    /// A column list names what is published. Without one these are all columns, of the generated ones only the stored, and these only when
    /// the publication says so.
    /// </summary>
    public static bool IsPublished(byte* m, int attribute, int list, int generated)
    {
        byte* a = m + (uint)attribute;
        if (a[PgliteStructs.PgAttribute.IsDropped] != 0)
        {
            return false;
        }

        if (list != 0)
        {
            int number = *(short*)(a + PgliteStructs.PgAttribute.Number);
            return ((delegate*<byte*, int, int, int>)Process.From(m).Function(PgliteFunctions.BmsIsMember))(m, number, list) != 0;
        }

        return a[PgliteStructs.PgAttribute.Generated] switch
        {
            0 => true,
            (byte)'s' => generated == 's',
            _ => false,
        };
    }
}
