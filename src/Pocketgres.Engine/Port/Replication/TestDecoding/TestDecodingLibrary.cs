using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>
/// The output plugin <c>test_decoding</c>, which the package does not contain: what dlsym(3) finds in it. Its output is that of PostgreSQL's
/// contrib/test_decoding, letter by letter.
/// </summary>
internal static unsafe class TestDecodingLibrary
{
    // Pg_magic_struct (fmgr.h): len, Pg_abi_values (version / 100, FUNC_MAX_ARGS, INDEX_MAX_KEYS, NAMEDATALEN, FLOAT8PASSBYVAL, char[32]), name, version.
    private const int MagicSize = 64, AbiExtra = 24;

    /// <summary>The library.</summary>
    public static HostLibrary Library { get; } = new(EngineArtifacts.TestDecoding, new Dictionary<string, nint>(StringComparer.Ordinal)
    {
        ["Pg_magic_func"] = (nint)(delegate*<byte*, int>)&Magic,
        ["_PG_output_plugin_init"] = (nint)(delegate*<byte*, int, void>)&Initialise,
    });

    // Asked for once a process; the answer lives as long as the library is loaded: always.
    private static int Magic(byte* m)
    {
        var guest = new Guest(m);
        int address = guest.AllocateZero(*(int*)(m + PgliteAddresses.TopMemoryContext), MagicSize);
        ReadOnlySpan<int> values = [MagicSize, 1800, 100, 32, 64, 0];
        values.CopyTo(new Span<int>(m + (uint)address, values.Length));
        "PostgreSQL"u8.CopyTo(new Span<byte>(m + (uint)address + AbiExtra, 32));
        return address;
    }

    // _PG_output_plugin_init(OutputPluginCallbacks *): the members in order (replication/output_plugin.h).
    private static void Initialise(byte* m, int callbacks)
    {
        var process = Process.From(m);
        ReadOnlySpan<nint> members =
        [
            (nint)(delegate*<byte*, int, int, int, void>)&Session.Startup,
            (nint)(delegate*<byte*, int, int, void>)&Transactions.Begin,
            (nint)(delegate*<byte*, int, int, int, int, void>)&Changes.Change,
            (nint)(delegate*<byte*, int, int, int, int, int, void>)&Changes.Truncate,
            (nint)(delegate*<byte*, int, int, long, void>)&Transactions.Commit,
            (nint)(delegate*<byte*, int, int, long, int, int, int, int, void>)&Changes.Message,
            (nint)(delegate*<byte*, int, int, int>)&Session.FilterByOrigin,
            (nint)(delegate*<byte*, int, void>)&Session.Shutdown,
            (nint)(delegate*<byte*, int, int, int, int>)&Session.FilterPrepare,
            (nint)(delegate*<byte*, int, int, void>)&Transactions.Begin,
            (nint)(delegate*<byte*, int, int, long, void>)&Transactions.Prepare,
            (nint)(delegate*<byte*, int, int, long, void>)&Transactions.CommitPrepared,
            (nint)(delegate*<byte*, int, int, long, long, void>)&Transactions.RollbackPrepared,
            (nint)(delegate*<byte*, int, int, void>)&Streams.Start,
            (nint)(delegate*<byte*, int, int, void>)&Streams.Stop,
            (nint)(delegate*<byte*, int, int, long, void>)&Streams.Abort,
            (nint)(delegate*<byte*, int, int, long, void>)&Streams.Prepare,
            (nint)(delegate*<byte*, int, int, long, void>)&Streams.Commit,
            (nint)(delegate*<byte*, int, int, int, int, void>)&Streams.Change,
            (nint)(delegate*<byte*, int, int, long, int, int, int, int, void>)&Streams.Message,
            (nint)(delegate*<byte*, int, int, int, int, int, void>)&Streams.Truncate,
        ];
        for (int i = 0; i < members.Length; i++)
        {
            *(int*)(m + (uint)callbacks + (i * sizeof(int))) = process.AddFunctionPointer(members[i]);
        }
    }
}
