using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Portals that cannot be executed any more.</summary>
public static unsafe class FailedPortals
{
    /// <summary>
    /// Runs before MarkPortalFailed (utils/mmgr/portalmem.c). The portal of a simple query refers to plans and a text in the memory of its message, which the next message frees, while a portal that failed
    /// in a transaction block stays until the block's end, and an Execute message may name it. PostgreSQL clears such references only of cached plans (PortalReleaseCachedPlan); in 18.6 exec_execute_message
    /// follows the others before it looks whether the transaction is aborted.
    /// </summary>
    [EntryHook("MarkPortalFailed", Locking = KernelLocking.None)]
    public static void Forget(byte* m, long address)
    {
        var portal = new Portal(m, (uint)address);
        if (portal.CachedPlan == 0 && !portal.IsVisible)
        {
            portal.Statements = 0;
            portal.SourceText = portal.Name;
        }
    }
}
