namespace Pocketgres.Pglite;

/// <summary>
/// wait_event_info of the waits in main loops (class Activity, utils/wait_event_types.h), as the module passes them to WaitLatch: a process
/// that reports one of these is in the loop of the same name and holds nothing.
/// </summary>
public static class PgliteWaitEvents
{
#pragma warning disable CS1591 // each name is Postgres' own
    public const int AutovacuumMain = 0x05000001;
    public const int BgWriterHibernate = 0x05000002;
    public const int BgWriterMain = 0x05000003;
    public const int CheckpointerMain = 0x05000004;
    public const int LogicalLauncherMain = 0x05000008;
    public const int WalWriterMain = 0x05000011;
#pragma warning restore CS1591
}
