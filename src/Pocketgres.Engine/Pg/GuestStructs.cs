using Pocketgres.Generators;

namespace Pocketgres.Engine.Pg;

/// <summary>CREATE EXTENSION's parse tree (nodes/parsenodes.h).</summary>
[GuestStruct("CreateExtensionStmt")]
internal readonly ref partial struct CreateExtensionStmt
{
    /// <summary>The name, a C string.</summary>
    [GuestName("extname")]
    public partial uint Name { get; }
}

/// <summary>Arguments of a child process, as eng/engine/server.c notes them.</summary>
[GuestStruct("ChildArguments")]
internal readonly ref partial struct ChildArguments
{
    /// <summary>What kind of process it is.</summary>
    [GuestName("child_type")]
    public partial BackendType Type { get; }

    /// <summary>The client's socket, or 0.</summary>
    [GuestName("client_sock")]
    public partial uint ClientSocket { get; }
}

/// <summary>A connection that the postmaster accepted (libpq/libpq-be.h).</summary>
[GuestStruct("ClientSocket")]
internal readonly ref partial struct ClientSocket
{
    /// <summary>Its descriptor.</summary>
    public partial int Sock { get; }
}

/// <summary>pg_prng_state (common/pg_prng.h).</summary>
[GuestStruct("pg_prng_state")]
internal readonly ref partial struct PrngState
{
}

/// <summary>A list (nodes/pg_list.h).</summary>
[GuestStruct("List")]
internal readonly ref partial struct GuestList
{
    /// <summary>How many elements it has.</summary>
    public partial int Length { get; set; }

    /// <summary>An element.</summary>
    [GuestName("elements")]
    public partial ListCell Element(int index);
}

/// <summary>An element of a list.</summary>
[GuestStruct("ListCell")]
internal readonly ref partial struct ListCell
{
    /// <summary>The pointer in it.</summary>
    [GuestName("ptr_value")]
    public partial uint Pointer { get; set; }
}

/// <summary>The state of the log in shared memory (XLogCtlData, access/xlog.c).</summary>
[GuestStruct("XLogCtlData")]
internal readonly ref partial struct LogControl
{
    /// <summary>The pages of the log that are in memory.</summary>
    public partial uint Pages { get; }

    /// <summary>Number of the last of these.</summary>
    [GuestName("XLogCacheBlck")]
    public partial int LastBuffer { get; }
}

/// <summary>pg_control (catalog/pg_control.h).</summary>
[GuestStruct("ControlFileData")]
internal readonly ref partial struct ControlFileData
{
    /// <summary>Says which cluster this is.</summary>
    [GuestName("system_identifier")]
    public partial ulong SystemIdentifier { get; set; }

    /// <summary>For authentication: 32 bytes.</summary>
    [GuestName("mock_authentication_nonce")]
    public partial ref byte Nonce { get; }

    /// <summary>The checksum of all before it.</summary>
    public partial uint Crc { get; set; }
}

/// <summary>What a process waits for (storage/ipc/waiteventset.c).</summary>
[GuestStruct("WaitEventSet")]
internal readonly ref partial struct WaitEventSet
{
    /// <summary>How many events it has.</summary>
    [GuestName("nevents")]
    public partial int Count { get; }

    /// <summary>An event.</summary>
    [GuestName("events")]
    public partial WaitEvent Event(int index);

    /// <summary>Address of the latch among them, or 0.</summary>
    [GuestName("latch")]
    public partial uint LatchAddress { get; }

    /// <summary>The latch.</summary>
    public partial Latch Latch { get; }

    /// <summary>Which event is the latch's.</summary>
    [GuestName("latch_pos")]
    public partial int LatchPosition { get; }

    /// <summary>The process ends with its postmaster.</summary>
    [GuestName("exit_on_postmaster_death")]
    public partial bool ExitOnPostmasterDeath { get; }
}

/// <summary>One event that is waited for, or has happened (storage/waiteventset.h).</summary>
[GuestStruct("WaitEvent")]
internal readonly ref partial struct WaitEvent
{
    /// <summary>Its index in the set.</summary>
    [GuestName("pos")]
    public partial int Position { get; set; }

    /// <summary>WL_* flags.</summary>
    public partial uint Events { get; set; }

    /// <summary>The socket.</summary>
    [GuestName("fd")]
    public partial int Descriptor { get; set; }

    /// <summary>The caller's.</summary>
    [GuestName("user_data")]
    public partial uint UserData { get; set; }
}

/// <summary>A latch (storage/latch.h).</summary>
[GuestStruct("Latch")]
internal readonly ref partial struct Latch
{
    /// <summary>Not 0 when it is set.</summary>
    [GuestName("is_set")]
    public partial ref int IsSet { get; }

    /// <summary>Not 0 while the owner may sleep: who sets the latch wakes it.</summary>
    [GuestName("maybe_sleeping")]
    public partial ref int MaybeSleeping { get; }
}
