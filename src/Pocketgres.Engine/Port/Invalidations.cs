using Pocketgres.Engine.Port.Replication;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>What is told of changed catalogs, beside Postgres' own caches.</summary>
public static unsafe class Invalidations
{
    /// <summary>Runs before LocalExecuteInvalidationMessage (utils/cache/inval.c), for a message of this or another session.</summary>
    [HostFunction("postgres.LocalExecuteInvalidationMessage")]
    public static void Execute(byte* m, int message)
    {
        byte* msg = m + (uint)message;
        OutputPluginCalls.Invalidate(m, msg);
        if (*(sbyte*)msg is not (PgliteStructs.SharedInvalidationMessage.Storage or PgliteStructs.SharedInvalidationRelSync.Id))
        {
            PostgresProcess.Of(Process.From(m)).Statements?.CatalogChanged();
        }
    }
}
