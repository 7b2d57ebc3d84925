using Pocketgres.Kernel;
using Transaction = Pocketgres.Pglite.PgliteStructs.ReorderBufferTransaction;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>
/// Messages of the logical replication protocol that begin and end transactions ("Logical Replication Message Formats" in PostgreSQL's
/// manual). The first parameter is the StringInfo they are appended to; <c>txn</c> is a ReorderBufferTXN.
/// </summary>
public static unsafe class TransactionMessages
{
    private const byte NoFlags = 0;

    /// <summary>Begin.</summary>
    [HostFunction("logicalrep_write_begin")]
    public static void Begin(byte* m, int output, int txn)
    {
        var message = new MessageWriter(m, output);
        message.Byte('B');
        message.Int64(Int64(m, txn, Transaction.FinalLsn));
        message.Int64(Int64(m, txn, Transaction.Time));
        message.Int32(Int32(m, txn, Transaction.Xid));
    }

    /// <summary>Commit.</summary>
    [HostFunction("logicalrep_write_commit")]
    public static void Commit(byte* m, int output, int txn, long commitLsn)
    {
        var message = new MessageWriter(m, output);
        message.Byte('C');
        Ending(m, message, txn, commitLsn);
    }

    /// <summary>Begin Prepare.</summary>
    [HostFunction("logicalrep_write_begin_prepare")]
    public static void BeginPrepare(byte* m, int output, int txn)
    {
        var message = new MessageWriter(m, output);
        message.Byte('b');
        message.Int64(Int64(m, txn, Transaction.FinalLsn));
        message.Int64(Int64(m, txn, Transaction.EndLsn));
        message.Int64(Int64(m, txn, Transaction.Time));
        Identity(m, message, txn);
    }

    /// <summary>Prepare.</summary>
    [HostFunction("logicalrep_write_prepare")]
    public static void Prepare(byte* m, int output, int txn, long prepareLsn) => Prepared(m, output, 'P', txn, prepareLsn);

    /// <summary>Commit Prepared.</summary>
    [HostFunction("logicalrep_write_commit_prepared")]
    public static void CommitPrepared(byte* m, int output, int txn, long commitLsn) => Prepared(m, output, 'K', txn, commitLsn);

    /// <summary>Stream Prepare.</summary>
    [HostFunction("logicalrep_write_stream_prepare")]
    public static void StreamPrepare(byte* m, int output, int txn, long prepareLsn) => Prepared(m, output, 'p', txn, prepareLsn);

    /// <summary>Rollback Prepared.</summary>
    [HostFunction("logicalrep_write_rollback_prepared")]
    public static void RollbackPrepared(byte* m, int output, int txn, long prepareEndLsn, long prepareTime)
    {
        var message = new MessageWriter(m, output);
        message.Byte('r');
        message.Byte(NoFlags);
        message.Int64(prepareEndLsn);
        message.Int64(Int64(m, txn, Transaction.EndLsn));
        message.Int64(prepareTime);
        message.Int64(Int64(m, txn, Transaction.Time));
        Identity(m, message, txn);
    }

    /// <summary>Stream Start.</summary>
    [HostFunction("logicalrep_write_stream_start")]
    public static void StreamStart(byte* m, int output, int xid, int firstSegment)
    {
        var message = new MessageWriter(m, output);
        message.Byte('S');
        message.Int32(xid);
        message.Byte((byte)(firstSegment != 0 ? 1 : 0));
    }

    /// <summary>Stream Stop.</summary>
    [HostFunction("logicalrep_write_stream_stop")]
    public static void StreamStop(byte* m, int output) => new MessageWriter(m, output).Byte('E');

    /// <summary>Stream Commit.</summary>
    [HostFunction("logicalrep_write_stream_commit")]
    public static void StreamCommit(byte* m, int output, int txn, long commitLsn)
    {
        var message = new MessageWriter(m, output);
        message.Byte('c');
        message.Int32(Int32(m, txn, Transaction.Xid));
        Ending(m, message, txn, commitLsn);
    }

    /// <summary>Stream Abort; where and when only for subscribers that apply in parallel (protocol version 4).</summary>
    [HostFunction("logicalrep_write_stream_abort")]
    public static void StreamAbort(byte* m, int output, int xid, int subXid, long abortLsn, long abortTime, int writeAbortInfo)
    {
        var message = new MessageWriter(m, output);
        message.Byte('A');
        message.Int32(xid);
        message.Int32(subXid);
        if (writeAbortInfo != 0)
        {
            message.Int64(abortLsn);
            message.Int64(abortTime);
        }
    }

    /// <summary>Origin.</summary>
    [HostFunction("logicalrep_write_origin")]
    public static void Origin(byte* m, int output, int name, long originLsn)
    {
        var message = new MessageWriter(m, output);
        message.Byte('O');
        message.Int64(originLsn);
        message.String(name);
    }

    /// <summary>Message: what pg_logical_emit_message() wrote.</summary>
    [HostFunction("logicalrep_write_message")]
    public static void Message(byte* m, int output, int xid, long lsn, int transactional, int prefix, int size, int content)
    {
        var message = new MessageWriter(m, output);
        message.Byte('M');
        message.Xid(xid);
        message.Byte((byte)(transactional != 0 ? 1 : 0));
        message.Int64(lsn);
        message.String(prefix);
        message.Int32(size);
        message.Bytes(content, size);
    }

    private static void Prepared(byte* m, int output, char kind, int txn, long lsn)
    {
        var message = new MessageWriter(m, output);
        message.Byte(kind);
        Ending(m, message, txn, lsn);
        Identity(m, message, txn);
    }

    // Flags (none are defined), the record's LSN, the LSN after it, its time.
    private static void Ending(byte* m, MessageWriter message, int txn, long lsn)
    {
        message.Byte(NoFlags);
        message.Int64(lsn);
        message.Int64(Int64(m, txn, Transaction.EndLsn));
        message.Int64(Int64(m, txn, Transaction.Time));
    }

    private static void Identity(byte* m, MessageWriter message, int txn)
    {
        message.Int32(Int32(m, txn, Transaction.Xid));
        message.String(Int32(m, txn, Transaction.Gid));
    }

    private static int Int32(byte* m, int txn, int field) => *(int*)(m + (uint)txn + field);

    private static long Int64(byte* m, int txn, int field) => *(long*)(m + (uint)txn + field);
}
