using System.Globalization;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>Looks types and schemas up in the process's system caches.</summary>
internal static unsafe class CatalogType
{
    private const int PgCatalog = 11; // PG_CATALOG_NAMESPACE

    /// <summary>The functions (OIDs) that make text, and the binary format (0 for none), of a type's values.</summary>
    public static (int Output, int Send) Functions(byte* m, int type)
    {
        int tuple = Open(m, type, "logicalrep_write_tuple");
        byte* row = HeapTuples.Row(m, tuple);
        var result = (*(int*)(row + PgliteStructs.PgType.Output), *(int*)(row + PgliteStructs.PgType.Send));
        Close(m, tuple);
        return result;
    }

    /// <summary>Writes a type's schema and name.</summary>
    public static void WriteName(byte* m, MessageWriter message, int type)
    {
        int tuple = Open(m, type, "logicalrep_write_typ");
        byte* row = HeapTuples.Row(m, tuple);
        WriteSchema(m, message, *(int*)(row + PgliteStructs.PgType.Namespace));
        message.String((int)(row - m) + PgliteStructs.PgType.Name);
        Close(m, tuple);
    }

    /// <summary>Writes a schema's name, empty for pg_catalog.</summary>
    public static void WriteSchema(byte* m, MessageWriter message, int schema)
    {
        if (schema == PgCatalog)
        {
            message.Byte(0);
            return;
        }

        int name = ((delegate*<byte*, int, int>)Process.From(m).Export("get_namespace_name"))(m, schema);
        if (name == 0)
        {
            Fail(m, "namespace", schema, "logicalrep_write_namespace");
        }

        message.String(name);
    }

    private static int Open(byte* m, int type, string caller)
    {
        int tuple = ((delegate*<byte*, int, int, int>)Process.From(m).Function(PgliteFunctions.SearchSysCache1))(m, PgliteStructs.SystemCache.TypeOid, type);
        if (tuple == 0)
        {
            Fail(m, "type", type, caller);
        }

        return tuple;
    }

    private static void Close(byte* m, int tuple) => ((delegate*<byte*, int, void>)Process.From(m).Function(PgliteFunctions.ReleaseSysCache))(m, tuple);

    private static void Fail(byte* m, string what, int oid, string caller) =>
        ErrorReport.Throw(m, null, string.Create(CultureInfo.InvariantCulture, $"cache lookup failed for {what} {(uint)oid}"), "proto.c", caller);
}
