namespace Pocketgres.Engine;

/// <summary>Postgres' <c>BackendType</c> (miscadmin.h, PostgreSQL 18): what kind of process the postmaster starts.</summary>
internal enum BackendType
{
#pragma warning disable CS1591 // each name is Postgres' own
    Invalid = 0,
    Backend = 1,
    DeadEndBackend = 2,
    AutovacuumLauncher = 3,
    AutovacuumWorker = 4,
    BackgroundWorker = 5,
    WalSender = 6,
    SlotSyncWorker = 7,
    StandaloneBackend = 8,
    Archiver = 9,
    BackgroundWriter = 10,
    Checkpointer = 11,
    IoWorker = 12,
    Startup = 13,
    WalReceiver = 14,
    WalSummarizer = 15,
    WalWriter = 16,
    Logger = 17,
#pragma warning restore CS1591
}
