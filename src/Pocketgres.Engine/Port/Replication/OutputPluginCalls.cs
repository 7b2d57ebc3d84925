using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>What an output plugin calls in the server and the linker dropped, because nothing else calls it.</summary>
public static unsafe class OutputPluginCalls
{
    /// <summary><c>void OutputPluginUpdateProgress(LogicalDecodingContext *ctx, bool skipped_xact)</c>: tells the walsender, if it asked to be told.</summary>
    [HostFunction("OutputPluginUpdateProgress")]
    public static void UpdateProgress(byte* m, int context, int skippedTransaction)
    {
        byte* c = m + (uint)context;
        int callback = *(int*)(c + PgliteStructs.LogicalDecodingContext.UpdateProgress);
        if (callback != 0)
        {
            long location = *(long*)(c + PgliteStructs.LogicalDecodingContext.WriteLocation);
            int xid = *(int*)(c + PgliteStructs.LogicalDecodingContext.WriteXid);
            ((delegate*<byte*, int, long, int, int, void>)FunctionTable.Get(m, callback))(m, context, location, xid, skippedTransaction);
        }
    }

    /// <summary><c>bool replorigin_by_oid(RepOriginId roident, bool missing_ok, char **roname)</c>.</summary>
    [HostFunction("replorigin_by_oid")]
    public static int OriginName(byte* m, int origin, int missingOk, int name)
    {
        int found = ((delegate*<byte*, int, int, int>)Process.From(m).Function(PgliteFunctions.ReplOriginByOid))(m, origin, name);
        if (found == 0 && missingOk == 0)
        {
            ErrorReport.Throw(m, "42704", $"replication origin with ID {origin} does not exist", "origin.c", "replorigin_by_oid");
        }

        return found;
    }

    /// <summary><c>void CacheRegisterRelSyncCallback(RelSyncCallbackFunction func, Datum arg)</c>.</summary>
    [HostFunction("CacheRegisterRelSyncCallback")]
    public static void RegisterRelSyncCallback(byte* m, int function, int argument) =>
        PostgresProcess.Of(Process.From(m)).RelSyncCallbacks.Add((function, argument));

    /// <summary>For each invalidation message: one for a publication's relation calls what was registered.</summary>
    internal static void Invalidate(byte* m, byte* msg)
    {
        if (*(sbyte*)msg != PgliteStructs.SharedInvalidationRelSync.Id ||
            *(int*)(msg + PgliteStructs.SharedInvalidationRelSync.Database) != *(int*)(m + PgliteAddresses.MyDatabaseId))
        {
            return;
        }

        int relation = *(int*)(msg + PgliteStructs.SharedInvalidationRelSync.Relation);
        foreach (var (function, argument) in PostgresProcess.Of(Process.From(m)).RelSyncCallbacks)
        {
            ((delegate*<byte*, int, int, void>)FunctionTable.Get(m, function))(m, argument, relation);
        }
    }
}
