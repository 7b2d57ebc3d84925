using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>Messages of the logical replication protocol that carry rows: Insert, Update, Delete, Truncate. Xid 0: not streamed.</summary>
public static unsafe class RowMessages
{
    private const byte Full = (byte)'f'; // REPLICA_IDENTITY_FULL
    private const byte ExternalHeader = 0x01, OnDiskTag = 18; // varatt.h: varattrib_1b_e, VARTAG_ONDISK
    private const int VarlenaHeader = 4;

    /// <summary>Insert.</summary>
    [HostFunction("logicalrep_write_insert")]
    public static void Insert(byte* m, int output, int xid, int relation, int newSlot, int binary, int columns, int generated)
    {
        var message = Start(m, output, 'I', xid, relation);
        message.Byte('N');
        Tuple(m, message, new Columns(m, relation, columns, generated), newSlot, binary != 0);
    }

    /// <summary>Update; the old slot is 0 when neither the key changed nor the whole old row is logged.</summary>
    [HostFunction("logicalrep_write_update")]
    public static void Update(byte* m, int output, int xid, int relation, int oldSlot, int newSlot, int binary, int columns, int generated)
    {
        var message = Start(m, output, 'U', xid, relation);
        var published = new Columns(m, relation, columns, generated);
        if (oldSlot != 0)
        {
            message.Byte(OldTupleKind(m, relation));
            Tuple(m, message, published, oldSlot, binary != 0);
        }

        message.Byte('N');
        Tuple(m, message, published, newSlot, binary != 0);
    }

    /// <summary>Delete.</summary>
    [HostFunction("logicalrep_write_delete")]
    public static void Delete(byte* m, int output, int xid, int relation, int oldSlot, int binary, int columns, int generated)
    {
        var message = Start(m, output, 'D', xid, relation);
        message.Byte(OldTupleKind(m, relation));
        Tuple(m, message, new Columns(m, relation, columns, generated), oldSlot, binary != 0);
    }

    /// <summary>Truncate.</summary>
    [HostFunction("logicalrep_write_truncate")]
    public static void Truncate(byte* m, int output, int xid, int count, int relations, int cascade, int restartSequences)
    {
        var message = new MessageWriter(m, output);
        message.Byte('T');
        message.Xid(xid);
        message.Int32(count);
        message.Byte((byte)((cascade != 0 ? 1 : 0) | (restartSequences != 0 ? 2 : 0)));
        for (int i = 0; i < count; i++)
        {
            message.Int32(*(int*)(m + (uint)relations + (i * sizeof(int))));
        }
    }

    private static MessageWriter Start(byte* m, int output, char kind, int xid, int relation)
    {
        var message = new MessageWriter(m, output);
        message.Byte(kind);
        message.Xid(xid);
        message.Int32(*(int*)(m + (uint)relation + PgliteStructs.Relation.Oid));
        return message;
    }

    private static char OldTupleKind(byte* m, int relation)
    {
        int pgClass = *(int*)(m + (uint)relation + PgliteStructs.Relation.Class);
        return m[(uint)pgClass + PgliteStructs.PgClass.ReplicaIdentity] == Full ? 'O' : 'K';
    }

    // TupleData.
    private static void Tuple(byte* m, MessageWriter message, Columns columns, int slot, bool binary)
    {
        message.Int16(columns.Count());
        byte* s = m + (uint)slot;
        if (*(short*)(s + PgliteStructs.TupleTableSlot.ValidCount) < columns.Total)
        {
            ((delegate*<byte*, int, int, void>)Process.From(m).Function(PgliteFunctions.SlotGetSomeAttrs))(m, slot, columns.Total);
        }

        int values = *(int*)(s + PgliteStructs.TupleTableSlot.Values);
        int nulls = *(int*)(s + PgliteStructs.TupleTableSlot.IsNull);
        for (int i = 0; i < columns.Total; i++)
        {
            if (!columns.IsPublished(i))
            {
                continue;
            }

            int attribute = columns.Attribute(i);
            int value = *(int*)(m + (uint)values + (i * sizeof(int)));
            if (m[(uint)nulls + i] != 0)
            {
                message.Byte('n');
            }
            else if (IsUnchangedToast(m, attribute, value))
            {
                message.Byte('u');
            }
            else
            {
                Value(m, message, *(int*)(m + (uint)attribute + PgliteStructs.PgAttribute.Type), value, binary);
            }
        }
    }

    // What is still a pointer to the TOAST table was not changed by the statement, so WAL does not have it.
    private static bool IsUnchangedToast(byte* m, int attribute, int value) =>
        *(short*)(m + (uint)attribute + PgliteStructs.PgAttribute.Length) == -1 && m[(uint)value] == ExternalHeader && m[(uint)value + 1] == OnDiskTag;

    private static void Value(byte* m, MessageWriter message, int type, int value, bool binary)
    {
        var process = Process.From(m);
        var (outputFunction, sendFunction) = CatalogType.Functions(m, type);
        int result;
        if (binary && sendFunction != 0)
        {
            result = ((delegate*<byte*, int, int, int, int>)process.Function(PgliteFunctions.OidFunctionCall1Coll))(m, sendFunction, 0, value);
            int size = (int)(*(uint*)(m + (uint)result) >> 2) - VarlenaHeader; // VARSIZE of a 4-byte header
            message.Byte('b');
            message.Int32(size);
            message.Bytes(result + VarlenaHeader, size);
        }
        else
        {
            result = ((delegate*<byte*, int, int, int>)process.Function(PgliteFunctions.OidOutputFunctionCall))(m, outputFunction, value);
            message.Byte('t');
            message.CountedText(result);
        }

        ((delegate*<byte*, int, void>)process.Function(PgliteFunctions.PFree))(m, result);
    }
}
