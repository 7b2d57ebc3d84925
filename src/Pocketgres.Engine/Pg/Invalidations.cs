using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>What is told of changed catalogs, beside Postgres' own caches.</summary>
public static unsafe class Invalidations
{
    // SHAREDINVALSMGR_ID and SHAREDINVALRELSYNC_ID (storage/sinval.h): files of tables, what logical replication knows of them. No catalog has changed.
    private const int Storage = -3, Synchronisation = -6;

    /// <summary>Runs before LocalExecuteInvalidationMessage (utils/cache/inval.c), for a message of this or another session.</summary>
    [EntryHook("LocalExecuteInvalidationMessage", Locking = KernelLocking.None)]
    public static void Execute(byte* m, long message)
    {
        if (new InvalidationMessage(m, (uint)message).Id is not (Storage or Synchronisation))
        {
            PostgresProcess.Of(Process.From(m)).Statements?.CatalogChanged();
        }
    }
}
