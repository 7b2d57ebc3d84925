using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>The callbacks for transactions that are streamed before they end: what happens is written, not what the changes are.</summary>
internal static unsafe class Streams
{
    private const int IsSubtransaction = 2; // RBTXN_IS_SUBXACT

    /// <summary>stream_start_cb.</summary>
    public static void Start(byte* m, int context, int transaction)
    {
        if (Session.TransactionData(m, transaction) == 0)
        {
            Session.Attach(m, context, transaction);
        }

        m[(uint)Session.TransactionData(m, transaction) + Session.WroteInStream] = 0;
        if (!Skips(m, context))
        {
            Line(m, context, transaction, "opening a streamed block for transaction");
        }
    }

    /// <summary>stream_stop_cb.</summary>
    public static void Stop(byte* m, int context, int transaction)
    {
        if (!Skips(m, context) || m[(uint)Session.TransactionData(m, transaction) + Session.WroteInStream] != 0)
        {
            Line(m, context, transaction, "closing a streamed block for transaction");
        }
    }

    /// <summary>stream_abort_cb: of a transaction, or of one of its subtransactions, whose state is the transaction's.</summary>
    public static void Abort(byte* m, int context, int transaction, long location)
    {
        byte* t = m + (uint)transaction;
        bool isSub = (*(int*)(t + PgliteStructs.ReorderBufferTransaction.Flags) & IsSubtransaction) != 0;
        bool writes = isSub
            ? !Skips(m, context) || m[(uint)Session.TransactionData(m, *(int*)(t + PgliteStructs.ReorderBufferTransaction.TopTransaction)) + Session.WroteChanges] != 0
            : Transactions.Detach(m, context, transaction);
        if (writes)
        {
            Line(m, context, transaction, "aborting streamed (sub)transaction");
        }
    }

    /// <summary>stream_prepare_cb.</summary>
    public static void Prepare(byte* m, int context, int transaction, long location)
    {
        if (Skips(m, context) && m[(uint)Session.TransactionData(m, transaction) + Session.WroteChanges] == 0)
        {
            return;
        }

        // With ids the text has TXN before the gid; stock spells it so.
        var output = new Output(m, context);
        bool xids = Session.DataOf(m, context)[Session.IncludeXids] != 0;
        output.Add(xids ? "preparing streamed transaction TXN " : "preparing streamed transaction ");
        output.AddLiteral(*(int*)(m + (uint)transaction + PgliteStructs.ReorderBufferTransaction.Gid));
        output.AddXid(", txid ", transaction);
        output.AddTime(transaction);
        output.Write();
    }

    /// <summary>stream_commit_cb.</summary>
    public static void Commit(byte* m, int context, int transaction, long location)
    {
        if (Transactions.Detach(m, context, transaction))
        {
            Line(m, context, transaction, "committing streamed transaction", withTime: true);
        }
    }

    /// <summary>stream_change_cb.</summary>
    public static void Change(byte* m, int context, int transaction, int relation, int change)
    {
        NoteChange(m, context, transaction);
        Line(m, context, transaction, "streaming change for", "transaction");
    }

    /// <summary>stream_message_cb.</summary>
    public static void Message(byte* m, int context, int transaction, long location, int transactional, int prefix, int size, int content)
    {
        if (transactional != 0)
        {
            NoteChange(m, context, transaction);
        }

        Changes.WriteMessage(m, context, "streaming message", transactional, prefix, size, transactional != 0 ? 0 : content);
    }

    /// <summary>stream_truncate_cb.</summary>
    public static void Truncate(byte* m, int context, int transaction, int count, int relations, int change)
    {
        NoteChange(m, context, transaction);
        Line(m, context, transaction, "streaming truncate for", "transaction");
    }

    private static void NoteChange(byte* m, int context, int transaction)
    {
        byte* state = m + (uint)Session.TransactionData(m, transaction);
        if (Skips(m, context) && state[Session.WroteInStream] == 0)
        {
            Line(m, context, transaction, "opening a streamed block for transaction", last: false);
        }

        state[Session.WroteChanges] = state[Session.WroteInStream] = 1;
    }

    // "TEXT TXN xid", or without ids "TEXT" and what stands instead of TXN.
    private static void Line(byte* m, int context, int transaction, string text, string? without = null, bool withTime = false, bool last = true)
    {
        var output = new Output(m, context, last);
        output.Add(text);
        if (Session.DataOf(m, context)[Session.IncludeXids] != 0)
        {
            output.AddXid(" TXN ", transaction);
        }
        else if (without is not null)
        {
            output.Add(" " + without);
        }

        if (withTime)
        {
            output.AddTime(transaction);
        }

        output.Write();
    }

    private static bool Skips(byte* m, int context) => Session.DataOf(m, context)[Session.SkipEmpty] != 0;
}
