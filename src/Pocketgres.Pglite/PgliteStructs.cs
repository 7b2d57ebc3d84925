namespace Pocketgres.Pglite;

#pragma warning disable CA1034 // one nested class a C struct: PgliteStructs.Latch.IsSet reads like the C it stands for

/// <summary>Offsets in bytes of fields in Postgres' C structs as compiled into <c>pglite.wasm</c> (wasm32: pointers, int and long are 4 bytes).</summary>
public static partial class PgliteStructs
{
    /// <summary><c>struct Latch</c> (storage/latch.h).</summary>
    public static class Latch
    {
        /// <summary><c>sig_atomic_t is_set</c>.</summary>
        public const int IsSet = 0;

        /// <summary><c>sig_atomic_t maybe_sleeping</c>.</summary>
        public const int MaybeSleeping = 4;

        /// <summary><c>bool is_shared</c> (1 byte).</summary>
        public const int IsShared = 8;

        /// <summary><c>int owner_pid</c>.</summary>
        public const int OwnerPid = 12;
    }

    /// <summary><c>struct Port</c> (libpq/libpq-be.h).</summary>
    public static class Port
    {
        /// <summary><c>pgsocket sock</c>.</summary>
        public const int Socket = 0;

        /// <summary><c>char *user_name</c>.</summary>
        public const int UserName = 364;

        /// <summary><c>HbaLine *hba</c>: set when the line of pg_hba.conf is found.</summary>
        public const int Hba = 380;
    }

    /// <summary><c>struct HbaLine</c> (libpq/hba.h).</summary>
    public static class HbaLine
    {
        /// <summary><c>UserAuth auth_method</c>.</summary>
        public const int AuthMethod = 296;

        /// <summary><c>char *usermap</c>, or 0.</summary>
        public const int UserMap = 300;

        /// <summary>Values of <see cref="AuthMethod"/>: <c>uaTrust</c> and <c>uaPeer</c>.</summary>
        public const int Trust = 2, Peer = 14;
    }

    /// <summary><c>struct WaitEventSet</c> (storage/ipc/waiteventset.c).</summary>
    public static class WaitEventSet
    {
        /// <summary><c>int nevents</c>.</summary>
        public const int EventCount = 4;

        /// <summary><c>WaitEvent *events</c>.</summary>
        public const int Events = 12;

        /// <summary><c>Latch *latch</c>, or 0.</summary>
        public const int Latch = 16;

        /// <summary><c>int latch_pos</c>.</summary>
        public const int LatchPosition = 20;

        /// <summary><c>bool exit_on_postmaster_death</c> (1 byte).</summary>
        public const int ExitOnPostmasterDeath = 24;

        /// <summary><c>struct pollfd *pollfds</c>.</summary>
        public const int PollFds = 28;
    }

    /// <summary><c>struct WaitEvent</c> (storage/waiteventset.h).</summary>
    public static class WaitEvent
    {
        /// <summary>Size of one element.</summary>
        public const int Size = 16;

        /// <summary><c>int pos</c>.</summary>
        public const int Position = 0;

        /// <summary><c>uint32 events</c>: a mask of WL_*.</summary>
        public const int Events = 4;

        /// <summary><c>pgsocket fd</c>, or -1.</summary>
        public const int Descriptor = 8;

        /// <summary><c>void *user_data</c>.</summary>
        public const int UserData = 12;
    }

    /// <summary><c>struct PGPROC</c> (storage/proc.h).</summary>
    public static class PgProc
    {
        /// <summary><c>PGSemaphore sem</c>.</summary>
        public const int Semaphore = 12;

        /// <summary><c>Latch procLatch</c>.</summary>
        public const int ProcLatch = 20;

        /// <summary><c>int pid</c>.</summary>
        public const int Pid = 44;
    }

    /// <summary><c>XLogCtlData</c> (access/transam/xlog.c).</summary>
    public static class XLogCtl
    {
        /// <summary><c>char *pages</c>: the WAL buffers.</summary>
        public const int Pages = 296;

        /// <summary><c>int XLogCacheBlck</c>: number of WAL buffers - 1.</summary>
        public const int LastBuffer = 304;
    }

    /// <summary><c>CheckpointerShmemStruct</c> (postmaster/checkpointer.c).</summary>
    public static class CheckpointerShmem
    {
        /// <summary><c>pid_t checkpointer_pid</c>.</summary>
        public const int Pid = 0;

        /// <summary><c>slock_t ckpt_lck</c>.</summary>
        public const int Lock = 4;

        /// <summary><c>int ckpt_started</c>.</summary>
        public const int Started = 8;

        /// <summary><c>int ckpt_done</c>.</summary>
        public const int Done = 12;

        /// <summary><c>int ckpt_failed</c>.</summary>
        public const int Failed = 16;

        /// <summary><c>int ckpt_flags</c>.</summary>
        public const int Flags = 20;

        /// <summary><c>ConditionVariable start_cv</c>.</summary>
        public const int StartConditionVariable = 24;

        /// <summary><c>ConditionVariable done_cv</c>.</summary>
        public const int DoneConditionVariable = 36;
    }

    /// <summary><c>child_process_kind</c> (postmaster/launch_backend.c), indexed by BackendType.</summary>
    public static class ChildProcessKind
    {
        /// <summary>Size of one element.</summary>
        public const int Size = 12;

        /// <summary><c>const char *name</c>.</summary>
        public const int Name = 0;

        /// <summary><c>void (*main_fn)(const void *startup_data, size_t startup_data_len)</c>: a table slot.</summary>
        public const int MainFunction = 4;

        /// <summary><c>bool shmem_attach</c> (1 byte).</summary>
        public const int ShmemAttach = 8;
    }

    /// <summary><c>ClientSocket</c> (libpq/libpq-be.h).</summary>
    public static class ClientSocket
    {
        /// <summary>Size of the struct.</summary>
        public const int Size = 136;

        /// <summary><c>pgsocket sock</c>.</summary>
        public const int Socket = 0;
    }

    /// <summary><c>pg_wchar_tbl</c> (mb/pg_wchar.h): an encoding's functions, as table slots.</summary>
    public static class PgWcharTable
    {
        /// <summary>Size of one element.</summary>
        public const int Size = 28;

        /// <summary><c>int (*mblen)(const unsigned char *mbstr)</c>.</summary>
        public const int CharacterLength = 8;

        /// <summary><c>int (*dsplen)(const unsigned char *mbstr)</c>.</summary>
        public const int DisplayWidth = 12;

        /// <summary><c>int (*mbverifychar)(const unsigned char *mbstr, int len)</c>.</summary>
        public const int VerifyCharacter = 16;

        /// <summary><c>int (*mbverifystr)(const unsigned char *mbstr, int len)</c>.</summary>
        public const int VerifyString = 20;
    }

    /// <summary><c>pg_enc2name</c> (mb/pg_wchar.h): <c>const char *name</c>, then the encoding's number.</summary>
    public static class PgEnc2Name
    {
        /// <summary>Size of one element.</summary>
        public const int Size = 8;
    }

    /// <summary>Locals of <see cref="PgliteFunctions.Main"/> that patches read.</summary>
    public static class MainFrame
    {
        /// <summary>Wasm local that holds the address of main's shadow stack frame.</summary>
        public const int FrameLocal = 2;

        /// <summary>Offset in that frame of <c>int exitstatus</c>, waitpid's result in process_pm_child_exit.</summary>
        public const int ExitStatus = 264;
    }
}
