using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>What processes wait for (utils/wait_event_types.h).</summary>
[GuestConstants]
internal static partial class WaitEvents
{
    /// <summary>The autovacuum launcher's main loop.</summary>
    [GuestName("WAIT_EVENT_AUTOVACUUM_MAIN")]
    public static partial int AutovacuumMain { get; }

    /// <summary>The background writer's main loop.</summary>
    [GuestName("WAIT_EVENT_BGWRITER_MAIN")]
    public static partial int BgwriterMain { get; }

    /// <summary>The background writer's, with nothing to do.</summary>
    [GuestName("WAIT_EVENT_BGWRITER_HIBERNATE")]
    public static partial int BgwriterHibernate { get; }

    /// <summary>The checkpointer's main loop.</summary>
    [GuestName("WAIT_EVENT_CHECKPOINTER_MAIN")]
    public static partial int CheckpointerMain { get; }

    /// <summary>The WAL writer's main loop.</summary>
    [GuestName("WAIT_EVENT_WAL_WRITER_MAIN")]
    public static partial int WalWriterMain { get; }

    /// <summary>The logical replication launcher's main loop.</summary>
    [GuestName("WAIT_EVENT_LOGICAL_LAUNCHER_MAIN")]
    public static partial int LogicalLauncherMain { get; }
}
