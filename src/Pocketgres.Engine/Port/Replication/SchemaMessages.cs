using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>Messages of the logical replication protocol that describe relations and types. Xid 0: not streamed.</summary>
public static unsafe class SchemaMessages
{
    private const byte Full = (byte)'f'; // REPLICA_IDENTITY_FULL
    private const byte KeyFlag = 1;

    /// <summary>Relation.</summary>
    [HostFunction("logicalrep_write_rel")]
    public static void Relation(byte* m, int output, int xid, int relation, int columnList, int generated)
    {
        var message = new MessageWriter(m, output);
        int pgClass = *(int*)(m + (uint)relation + PgliteStructs.Relation.Class);
        byte identity = m[(uint)pgClass + PgliteStructs.PgClass.ReplicaIdentity];
        message.Byte('R');
        message.Xid(xid);
        message.Int32(*(int*)(m + (uint)relation + PgliteStructs.Relation.Oid));
        CatalogType.WriteSchema(m, message, *(int*)(m + (uint)pgClass + PgliteStructs.PgClass.Namespace));
        message.String(pgClass + PgliteStructs.PgClass.Name);
        message.Byte(identity);

        var columns = new Columns(m, relation, columnList, generated);
        var key = identity == Full ? [] : KeyColumns(m, relation);
        message.Int16(columns.Count());
        for (int i = 0; i < columns.Total; i++)
        {
            if (!columns.IsPublished(i))
            {
                continue;
            }

            int attribute = columns.Attribute(i);
            byte* a = m + (uint)attribute;
            bool isKey = identity == Full || key.Contains(*(short*)(a + PgliteStructs.PgAttribute.Number));
            message.Byte(isKey ? KeyFlag : (byte)0);
            message.String(attribute + PgliteStructs.PgAttribute.Name);
            message.Int32(*(int*)(a + PgliteStructs.PgAttribute.Type));
            message.Int32(*(int*)(a + PgliteStructs.PgAttribute.TypeModifier));
        }
    }

    /// <summary>Type: a domain is announced by the name of its base type.</summary>
    [HostFunction("logicalrep_write_typ")]
    public static void Type(byte* m, int output, int xid, int type)
    {
        var message = new MessageWriter(m, output);
        int baseType = ((delegate*<byte*, int, int>)Process.From(m).Export("getBaseType"))(m, type);
        message.Byte('Y');
        message.Xid(xid);
        message.Int32(type);
        CatalogType.WriteName(m, message, baseType);
    }

    // Attribute numbers of the replica identity's index; none without one.
    private static short[] KeyColumns(byte* m, int relation)
    {
        var process = Process.From(m);
        int oid = ((delegate*<byte*, int, int>)process.Function(PgliteFunctions.RelationGetReplicaIndex))(m, relation);
        int index = oid == 0 ? 0 : ((delegate*<byte*, int, int>)process.Export("RelationIdGetRelation"))(m, oid);
        if (index == 0)
        {
            return [];
        }

        int pgIndex = *(int*)(m + (uint)index + PgliteStructs.Relation.Index);
        int count = *(short*)(m + (uint)pgIndex + PgliteStructs.PgIndex.KeyCount);
        short[] keys = new ReadOnlySpan<short>(m + (uint)pgIndex + PgliteStructs.PgIndex.Keys, count).ToArray();
        ((delegate*<byte*, int, void>)process.Export("RelationClose"))(m, index);
        return keys;
    }
}
