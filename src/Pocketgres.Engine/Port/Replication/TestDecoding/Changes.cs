using Pocketgres.Pglite;
using Change_ = Pocketgres.Pglite.PgliteStructs.ReorderBufferChange;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>The callbacks for rows, truncations and messages of transactions that have ended.</summary>
internal static unsafe class Changes
{
    private const int Insert = 0, Update = 1, Delete = 2; // REORDER_BUFFER_CHANGE_*
    private const byte ExternalHeader = 0x01, OnDiskTag = 18; // varatt.h: varattrib_1b_e, VARTAG_ONDISK

    // Type OIDs (catalog/pg_type.dat).
    private const int Bool = 16, Int8 = 20, Int2 = 21, Int4 = 23, Oid = 26, Float4 = 700, Float8 = 701, Bit = 1560, VarBit = 1562, Numeric = 1700;

    /// <summary>change_cb(ctx, txn, relation, change).</summary>
    public static void Change(byte* m, int context, int transaction, int relation, int change)
    {
        Transactions.NoteChange(m, context, transaction);
        var guest = new Guest(m);
        int conversion = *(int*)(Session.DataOf(m, context) + Session.Conversion);
        int before = guest.SwitchTo(conversion);
        var output = new Output(m, context);
        int pgClass = *(int*)(m + (uint)relation + PgliteStructs.Relation.Class);
        int rewrites = *(int*)(m + (uint)pgClass + PgliteStructs.PgClass.Rewrite);
        int oid = *(int*)(m + (uint)relation + PgliteStructs.Relation.Oid);
        int schema = guest.Call("get_namespace_name", guest.Call("get_rel_namespace", oid));
        int name = rewrites != 0 ? guest.Call("get_rel_name", rewrites) : pgClass + PgliteStructs.PgClass.Name;
        output.Add("table ");
        output.AddText(guest.Call("quote_qualified_identifier", schema, name));
        output.Add(":");

        byte* c = m + (uint)change;
        int descriptor = *(int*)(m + (uint)relation + PgliteStructs.Relation.Descriptor);
        int oldTuple = *(int*)(c + Change_.OldTuple), newTuple = *(int*)(c + Change_.NewTuple);
        switch (*(int*)(c + Change_.Action))
        {
            case Insert:
                output.Add(" INSERT:");
                Tuple(m, output, relation, descriptor, newTuple, skipNulls: false);
                break;
            case Update:
                output.Add(" UPDATE:");
                if (oldTuple != 0)
                {
                    output.Add(" old-key:");
                    Tuple(m, output, relation, descriptor, oldTuple, skipNulls: true);
                    output.Add(" new-tuple:");
                }

                Tuple(m, output, relation, descriptor, newTuple, skipNulls: false);
                break;
            case Delete:
                output.Add(" DELETE:");
                Tuple(m, output, relation, descriptor, oldTuple, skipNulls: true);
                break;
        }

        guest.SwitchTo(before);
        guest.ResetContext(conversion);
        output.Write();
    }

    /// <summary>truncate_cb(ctx, txn, nrelations, relations, change).</summary>
    public static void Truncate(byte* m, int context, int transaction, int count, int relations, int change)
    {
        Transactions.NoteChange(m, context, transaction);
        var guest = new Guest(m);
        int conversion = *(int*)(Session.DataOf(m, context) + Session.Conversion);
        int before = guest.SwitchTo(conversion);
        var output = new Output(m, context);
        output.Add("table ");
        for (int i = 0; i < count; i++)
        {
            int relation = *(int*)(m + (uint)relations + (i * sizeof(int)));
            int pgClass = *(int*)(m + (uint)relation + PgliteStructs.Relation.Class);
            int schema = guest.Call("get_namespace_name", *(int*)(m + (uint)pgClass + PgliteStructs.PgClass.Namespace));
            output.Add(i > 0 ? ", " : "");
            output.AddText(guest.Call("quote_qualified_identifier", schema, pgClass + PgliteStructs.PgClass.Name));
        }

        bool restarts = m[(uint)change + Change_.TruncateRestartSequences] != 0, cascades = m[(uint)change + Change_.TruncateCascade] != 0;
        output.Add(": TRUNCATE:");
        output.Add(restarts ? " restart_seqs" : "");
        output.Add(cascades ? " cascade" : "");
        output.Add(restarts || cascades ? "" : " (no-flags)");
        guest.SwitchTo(before);
        guest.ResetContext(conversion);
        output.Write();
    }

    /// <summary>message_cb(ctx, txn, lsn, transactional, prefix, size, message).</summary>
    public static void Message(byte* m, int context, int transaction, long location, int transactional, int prefix, int size, int content)
    {
        if (transactional != 0)
        {
            Transactions.NoteChange(m, context, transaction);
        }

        WriteMessage(m, context, "message", transactional, prefix, size, content);
    }

    /// <summary>Writes a message; content 0 leaves that out.</summary>
    public static void WriteMessage(byte* m, int context, string kind, int transactional, int prefix, int size, int content)
    {
        var output = new Output(m, context);
        output.Add(kind);
        output.Add(transactional != 0 ? ": transactional: 1 prefix: " : ": transactional: 0 prefix: ");
        output.AddText(prefix);
        output.Add(", sz: ");
        output.Add((uint)size);
        if (content != 0)
        {
            output.Add(" content:");
            output.AddBytes(content, size);
        }

        output.Write();
    }

    // tuple_to_stringinfo.
    private static void Tuple(byte* m, Output output, int relation, int descriptor, int tuple, bool skipNulls)
    {
        if (tuple == 0)
        {
            output.Add(" (no-tuple-data)");
            return;
        }

        var guest = new Guest(m);
        var columns = new Columns(m, relation, 0, 0);
        int values = guest.Allocate((columns.Total * sizeof(int)) + columns.Total + 1);
        int nulls = values + (columns.Total * sizeof(int));
        guest.Deform(tuple, descriptor, values, nulls);
        for (int i = 0; i < columns.Total; i++)
        {
            byte* attribute = m + (uint)columns.Attribute(i);
            bool isNull = m[(uint)nulls + i] != 0;
            if (attribute[PgliteStructs.PgAttribute.IsDropped] != 0 || (isNull && skipNulls))
            {
                continue;
            }

            int type = *(int*)(attribute + PgliteStructs.PgAttribute.Type);
            output.Add(" ");
            output.AddText(guest.Call("quote_identifier", columns.Attribute(i) + PgliteStructs.PgAttribute.Name));
            output.Add("[");
            output.AddText(guest.Call("format_type_be", type));
            output.Add("]:");
            if (isNull)
            {
                output.Add("null");
            }
            else
            {
                Value(m, output, type, *(int*)(m + (uint)values + (i * sizeof(int))));
            }
        }
    }

    private static void Value(byte* m, Output output, int type, int value)
    {
        var guest = new Guest(m);
        int function = guest.OutputFunction(type, out bool isVarlena);
        if (isVarlena && m[(uint)value] == ExternalHeader && m[(uint)value + 1] == OnDiskTag)
        {
            output.Add("unchanged-toast-datum");
            return;
        }

        int text = guest.Format(function, isVarlena ? guest.Call("pg_detoast_datum", value) : value);
        switch (type)
        {
            case Int2 or Int4 or Int8 or Oid or Float4 or Float8 or Numeric:
                output.AddText(text);
                break;
            case Bit or VarBit:
                output.Add("B'");
                output.AddText(text);
                output.Add("'");
                break;
            case Bool:
                output.Add(m[(uint)text] == 't' ? "true" : "false");
                break;
            default:
                output.AddQuoted(text);
                break;
        }
    }
}
