using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;
using Pocketgres.Pglite;
using static Pocketgres.Pglite.PgliteStructs;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Sorting texts by their bytes (COLLATE "C"). Postgres keeps an abbreviated key of one Datum beside each tuple: eight bytes natively, four here, so that
/// many more comparisons have to look at the tuples, which lie anywhere in memory. While memory is sorted, the next four bytes of the key stand in
/// the element's field for the tape of a merge.
/// </summary>
public static unsafe class TextSorting
{
    private const int FewTuples = 200;
    private const int Abbreviated = sizeof(int);
    private const int BetweenInterrupts = 8192;

    /// <summary>Stands for the calls of tuplesort_sort_memtuples (utils/sort/tuplesort.c).</summary>
    [HostFunction("postgres.sort_memtuples")]
    public static void Sort(byte* m, int state)
    {
        var process = Process.From(m);
        var sort = (delegate*<byte*, int, void>)process.Function(PgliteFunctions.TuplesortSortMemtuples);
        int* tiebreak = (int*)(m + (uint)state + Tuplesortstate.CompareTiebreak);
        int original = *tiebreak;
        bool index = original == PgliteTableSlots.ComparetupIndexBtreeTiebreak;
        if ((!index && original != PgliteTableSlots.ComparetupHeapTiebreak) || !ReadKeys(process, m + (uint)state, index))
        {
            sort(m, state);
            return;
        }

        *tiebreak = process.AddFunctionPointer(index
            ? (nint)(delegate*<byte*, int, int, int, int>)&CompareIndexTuples
            : (nint)(delegate*<byte*, int, int, int, int>)&CompareHeapTuples);
        try
        {
            sort(m, state);
        }
        finally
        {
            *tiebreak = original; // in merges the field means the tape
        }
    }

    private static int CompareHeapTuples(byte* m, int a, int b, int state) => Compare(m, a, b, state, PgliteTableSlots.ComparetupHeapTiebreak);

    private static int CompareIndexTuples(byte* m, int a, int b, int state) => Compare(m, a, b, state, PgliteTableSlots.ComparetupIndexBtreeTiebreak);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Compare(byte* m, int a, int b, int state, int tiebreak)
    {
        uint x = *(uint*)(m + (uint)a + SortTuple.SourceTape), y = *(uint*)(m + (uint)b + SortTuple.SourceTape);
        if (x == y)
        {
            return ((delegate*<byte*, int, int, int, int>)FunctionTable.Get(m, tiebreak))(m, a, b, state);
        }

        bool reverse = m[(uint)*(int*)(m + (uint)state + Tuplesortstate.SortKeys) + SortSupport.Reverse] != 0;
        return (x < y) != reverse ? -1 : 1;
    }

    // Fills the fields; false where the first key is no text by its bytes, or not to be had without Postgres' help (compressed, behind other columns).
    private static bool ReadKeys(Process process, byte* state, bool index)
    {
        byte* m = process.Memory;
        int count = *(int*)(state + Tuplesortstate.TupleCount);
        byte* key = m + (uint)*(int*)(state + Tuplesortstate.SortKeys);
        if (count < FewTuples
            || state[Tuplesortstate.HaveDatum1] == 0
            || *(int*)(key + SortSupport.Comparator) != PgliteTableSlots.SsupDatumUnsignedCmp
            || *(int*)(key + SortSupport.AbbreviationConverter) == 0
            || *(int*)(key + SortSupport.FullComparator) != PgliteTableSlots.VarstrFastCmpC)
        {
            return false;
        }

        int before = index ? 0 : *(short*)(key + SortSupport.Attribute) - 1;
        byte* columns = m + (uint)*(int*)(state + Tuplesortstate.Argument) + TupleDesc.CompactAttributes;
        byte* element = m + (uint)*(int*)(state + Tuplesortstate.Tuples);
        for (int i = 0; i < count; i++, element += SortTuple.Size)
        {
            uint next = 0;
            if (element[SortTuple.IsNull1] == 0)
            {
                byte* tuple = m + *(uint*)(element + SortTuple.Tuple);
                byte* datum = index ? IndexData(tuple) : HeapData(tuple, columns, before);
                if (datum is null || !TryRead(datum, out next))
                {
                    return false;
                }
            }

            *(uint*)(element + SortTuple.SourceTape) = next;
            if (i % BetweenInterrupts == BetweenInterrupts - 1 && *(int*)(m + PgliteAddresses.InterruptPending) != 0)
            {
                ((delegate*<byte*, void>)process.Function(PgliteFunctions.ProcessInterrupts))(m);
            }
        }

        return true;
    }

    private static byte* IndexData(byte* tuple) =>
        tuple + ((*(ushort*)(tuple + IndexTuple.Info) & IndexTuple.HasNull) != 0 ? IndexTuple.DataAfterNulls : IndexTuple.Data);

    // The text behind that many columns of a tuple; null if it is not in the tuple, or behind a toasted column or a C string.
    private static byte* HeapData(byte* tuple, byte* columns, int before)
    {
        byte* data = tuple + MinimalTuple.HeaderBegin + tuple[MinimalTuple.HeaderSize];
        if ((*(ushort*)(tuple + MinimalTuple.InfoMask2) & MinimalTuple.ColumnCountMask) <= before)
        {
            return null;
        }

        if (before == 0)
        {
            return data;
        }

        bool hasNull = (*(ushort*)(tuple + MinimalTuple.InfoMask) & MinimalTuple.HasNull) != 0;
        int offset = 0;
        for (int i = 0; ; i++, columns += TupleDesc.CompactAttributeSize)
        {
            if (hasNull && (tuple[MinimalTuple.Bits + (i >> 3)] & (1 << (i & 7))) == 0)
            {
                continue; // not the key: that one is not null
            }

            int length = *(short*)(columns + CompactAttribute.Length);
            if (length != -1 || data[offset] == 0)
            {
                int alignment = columns[CompactAttribute.Alignment]; // a power of two
                offset = (offset + alignment - 1) & -alignment;
            }

            if (i == before)
            {
                return data + offset;
            }

            if (length == -1)
            {
                int header = data[offset];
                if (header == 1)
                {
                    return null;
                }

                length = (header & 1) != 0 ? header >> 1 : (int)(*(uint*)(data + offset) >> 2);
            }
            else if (length < 0)
            {
                return null;
            }

            offset += length;
        }
    }

    // The bytes behind the abbreviated key, as a number that sorts like them. A shorter text is filled up with zeros, as in the abbreviated key.
    private static bool TryRead(byte* datum, out uint next)
    {
        int header = *datum;
        int length;
        byte* data;
        next = 0;
        if ((header & 1) != 0)
        {
            if (header == 1)
            {
                return false; // toasted
            }

            data = datum + 1;
            length = (header >> 1) - 1;
        }
        else if ((header & 2) != 0)
        {
            return false; // compressed
        }
        else
        {
            data = datum + 4;
            length = (int)(*(uint*)datum >> 2) - 4;
        }

        if (length >= Abbreviated + sizeof(uint))
        {
            next = BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(data + Abbreviated));
        }
        else
        {
            for (int i = Abbreviated; i < length; i++)
            {
                next |= (uint)data[i] << (8 * (Abbreviated + sizeof(uint) - 1 - i));
            }
        }

        return true;
    }
}
