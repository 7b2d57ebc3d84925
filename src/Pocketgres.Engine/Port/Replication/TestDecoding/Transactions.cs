using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>The callbacks around transactions. All take (ctx, txn, ...).</summary>
internal static unsafe class Transactions
{
    /// <summary>begin_cb and begin_prepare_cb.</summary>
    public static void Begin(byte* m, int context, int transaction)
    {
        Session.Attach(m, context, transaction);
        if (Session.DataOf(m, context)[Session.SkipEmpty] == 0)
        {
            WriteBegin(m, context, transaction, last: true);
        }
    }

    /// <summary>commit_cb.</summary>
    public static void Commit(byte* m, int context, int transaction, long location)
    {
        if (!Detach(m, context, transaction))
        {
            return;
        }

        var output = new Output(m, context);
        output.Add("COMMIT");
        output.AddXid(" ", transaction);
        output.AddTime(transaction);
        output.Write();
    }

    /// <summary>prepare_cb.</summary>
    public static void Prepare(byte* m, int context, int transaction, long location)
    {
        if (Session.DataOf(m, context)[Session.SkipEmpty] == 0 || m[(uint)Session.TransactionData(m, transaction) + Session.WroteChanges] != 0)
        {
            WritePrepared(m, context, transaction, "PREPARE TRANSACTION ");
        }
    }

    /// <summary>commit_prepared_cb.</summary>
    public static void CommitPrepared(byte* m, int context, int transaction, long location) =>
        WritePrepared(m, context, transaction, "COMMIT PREPARED ");

    /// <summary>rollback_prepared_cb.</summary>
    public static void RollbackPrepared(byte* m, int context, int transaction, long location, long time) =>
        WritePrepared(m, context, transaction, "ROLLBACK PREPARED ");

    /// <summary>Writes BEGIN, unless it has been or is always written, and notes that there are changes.</summary>
    public static void NoteChange(byte* m, int context, int transaction)
    {
        byte* state = m + (uint)Session.TransactionData(m, transaction);
        if (Session.DataOf(m, context)[Session.SkipEmpty] != 0 && state[Session.WroteChanges] == 0)
        {
            WriteBegin(m, context, transaction, last: false);
        }

        state[Session.WroteChanges] = 1;
    }

    /// <summary>Frees a transaction's state; false when nothing is to be written of it.</summary>
    public static bool Detach(byte* m, int context, int transaction)
    {
        ref int state = ref Session.TransactionData(m, transaction);
        bool wrote = m[(uint)state + Session.WroteChanges] != 0;
        new Guest(m).Free(state);
        state = 0;
        return wrote || Session.DataOf(m, context)[Session.SkipEmpty] == 0;
    }

    private static void WriteBegin(byte* m, int context, int transaction, bool last)
    {
        var output = new Output(m, context, last);
        output.Add("BEGIN");
        output.AddXid(" ", transaction);
        output.Write();
    }

    private static void WritePrepared(byte* m, int context, int transaction, string verb)
    {
        var output = new Output(m, context);
        output.Add(verb);
        output.AddLiteral(*(int*)(m + (uint)transaction + PgliteStructs.ReorderBufferTransaction.Gid));
        output.AddXid(", txid ", transaction);
        output.AddTime(transaction);
        output.Write();
    }
}
