using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>What a process tells pg_stat_activity (utils/backend_status.h).</summary>
[GuestStruct("PgBackendStatus")]
internal readonly ref partial struct BackendStatus
{
    /// <summary>BackendState.</summary>
    [GuestName("st_state")]
    public partial int State { get; }

    /// <summary>Since when it has that state.</summary>
    [GuestName("st_state_start_timestamp")]
    public partial long StateStart { get; }

    /// <summary>The database it is in, 0 for none.</summary>
    [GuestName("st_databaseid")]
    public partial uint Database { get; }
}

/// <summary>A process in shared memory (storage/proc.h).</summary>
[GuestStruct("PGPROC")]
internal readonly ref partial struct ProcessSlot
{
    /// <summary>Locks that it holds or waits for, in one partition of the lock table.</summary>
    [GuestName("myProcLocks")]
    public partial LockList Locks(int partition);
}

/// <summary>The head of a list (lib/ilist.h).</summary>
[GuestStruct("dlist_head")]
internal readonly ref partial struct LockList
{
    /// <summary>Address of the first element; of the head itself, or 0, in an empty list.</summary>
    [GuestName("head.next")]
    public partial uint First { get; }
}

/// <summary>States of a session (utils/backend_status.h).</summary>
[GuestConstants]
internal static partial class BackendStates
{
    /// <summary>It waits for its client, outside of a transaction.</summary>
    [GuestName("STATE_IDLE")]
    public static partial int Idle { get; }
}
