using Pocketgres.Generators;

namespace Pocketgres.Engine.Port;

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
