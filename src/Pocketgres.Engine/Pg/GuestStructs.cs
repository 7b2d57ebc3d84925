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

/// <summary>What eng/engine/tls.c wants to be loaded: C strings, 0 for none.</summary>
[GuestStruct("TlsConfiguration")]
internal readonly ref partial struct GuestTlsConfiguration
{
    /// <summary>Content of ssl_cert_file.</summary>
    public partial uint Certificates { get; }

    /// <summary>Content of ssl_key_file.</summary>
    public partial uint Key { get; }

    /// <summary>What ssl_passphrase_command has said.</summary>
    public partial uint Passphrase { get; }

    /// <summary>Content of ssl_ca_file.</summary>
    public partial uint Authorities { get; }

    /// <summary>Content of ssl_crl_file.</summary>
    public partial uint Revoked { get; }

    /// <summary>ssl_ciphers.</summary>
    public partial uint Ciphers { get; }

    /// <summary>ssl_tls13_ciphers.</summary>
    [GuestName("cipher_suites")]
    public partial uint CipherSuites { get; }

    /// <summary>ssl_min_protocol_version.</summary>
    [GuestName("min_version")]
    public partial int MinVersion { get; }

    /// <summary>ssl_max_protocol_version.</summary>
    [GuestName("max_version")]
    public partial int MaxVersion { get; }
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

/// <summary>A string with its length (lib/stringinfo.h).</summary>
[GuestStruct("StringInfoData")]
internal readonly ref partial struct StringInfo
{
    /// <summary>Address of the bytes.</summary>
    public partial uint Data { get; }

    /// <summary>How many there are, without the zero behind them.</summary>
    [GuestName("len")]
    public partial int Length { get; set; }

    /// <summary>How many bytes have room.</summary>
    [GuestName("maxlen")]
    public partial int Room { get; }

    /// <summary>Where a reader is.</summary>
    public partial int Cursor { get; set; }
}

/// <summary>The state of COPY FROM (commands/copyfrom_internal.h).</summary>
[GuestStruct("CopyFromStateData")]
internal readonly ref partial struct CopyFromState
{
    /// <summary>What ends a line; unknown before the first has ended.</summary>
    [GuestName("eol_type")]
    public partial int LineEnd { get; }

    /// <summary>Address of the option NULL's C string.</summary>
    [GuestName("opts.null_print")]
    public partial uint NullMark { get; }

    /// <summary>Address of the option DEFAULT's C string, or 0.</summary>
    [GuestName("opts.default_print")]
    public partial uint DefaultMark { get; }

    /// <summary>Address of the option DELIMITER's one character.</summary>
    [GuestName("opts.delim")]
    public partial uint Delimiter { get; }

    /// <summary>The fields of a line, without escapes.</summary>
    [GuestName("attribute_buf")]
    public partial StringInfo AttributeBuffer { get; }

    /// <summary>How many fields have room; 0 in a table without columns.</summary>
    [GuestName("max_fields")]
    public partial int MaximumFields { get; }

    /// <summary>Address of the fields' addresses.</summary>
    [GuestName("raw_fields")]
    public partial uint Fields { get; }

    /// <summary>The line.</summary>
    [GuestName("line_buf")]
    public partial StringInfo LineBuffer { get; }

    /// <summary>Messages may show the line.</summary>
    [GuestName("line_buf_valid")]
    public partial bool LineIsValid { get; set; }

    /// <summary>Address of the input, in the database's encoding.</summary>
    [GuestName("input_buf")]
    public partial uint Input { get; }

    /// <summary>How much of it is taken.</summary>
    [GuestName("input_buf_index")]
    public partial int InputIndex { get; set; }

    /// <summary>How much there is.</summary>
    [GuestName("input_buf_len")]
    public partial int InputLength { get; }
}

/// <summary>A sort (utils/sort/tuplesort.c).</summary>
[GuestStruct("Tuplesortstate")]
internal readonly ref partial struct TupleSort
{
    /// <summary>What it does.</summary>
    public partial int Status { get; }

    /// <summary>An element that is sorted.</summary>
    [GuestName("memtuples")]
    public partial SortTuple Tuple(int index);

    /// <summary>How many there are.</summary>
    [GuestName("memtupcount")]
    public partial int Count { get; }

    /// <summary>Which is read next.</summary>
    public partial int Current { get; }
}

/// <summary>An element of a sort (utils/tuplesort.h).</summary>
[GuestStruct("SortTuple")]
internal readonly ref partial struct SortTuple
{
    /// <summary>Address of the tuple.</summary>
    public partial uint Tuple { get; }
}

/// <summary>States of a sort (utils/sort/tuplesort.c).</summary>
[GuestConstants]
internal static partial class TupleSortStatus
{
    /// <summary>All is sorted, in memory.</summary>
    [GuestName("TSS_SORTEDINMEM")]
    public static partial int SortedInMemory { get; }
}

/// <summary>Line ends (commands/copyfrom_internal.h).</summary>
[GuestConstants]
internal static partial class EolTypes
{
    /// <summary>A newline alone.</summary>
    [GuestName("EOL_NL")]
    public static partial int Newline { get; }
}

/// <summary>What became of the startup process (postmaster/postmaster.c).</summary>
[GuestConstants]
internal static partial class StartupStatuses
{
    /// <summary>It failed.</summary>
    [GuestName("STARTUP_CRASHED")]
    public static partial int Crashed { get; }
}

/// <summary>What a commit waits for (access/xact.h).</summary>
[GuestConstants]
internal static partial class CommitLevels
{
    /// <summary>The log on this server's disk.</summary>
    [GuestName("SYNCHRONOUS_COMMIT_LOCAL_FLUSH")]
    public static partial int LocalFlush { get; }
}
