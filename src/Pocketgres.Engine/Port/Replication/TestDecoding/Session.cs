using Pocketgres.Kernel;
using Pocketgres.Pglite;
using Context = Pocketgres.Pglite.PgliteStructs.LogicalDecodingContext;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>
/// The plugin's state, in the process's memory: <see cref="Size"/> bytes a decoding context (TestDecodingData), two a transaction
/// (TestDecodingTxnData: wrote changes; wrote changes in this stream).
/// </summary>
internal static unsafe class Session
{
    public const int Conversion = 0, IncludeXids = 4, IncludeTimestamp = 5, SkipEmpty = 6, OnlyLocal = 7, Size = 8;
    public const int WroteChanges = 0, WroteInStream = 1, TransactionSize = 2;
    private const int Binary = 0, Textual = 1;

    /// <summary>startup_cb(ctx, options, is_init).</summary>
    public static void Startup(byte* m, int context, int options, int isInit)
    {
        var guest = new Guest(m);
        byte* c = m + (uint)context;
        int decoding = *(int*)(c + Context.Context);

        // The name of a memory context must outlive it; this one lives as long as the decoding context does.
        int name = guest.AllocateZero(decoding, 32);
        CString.TryWrite(m, name, 32, "text conversion context");
        int data = guest.AllocateZero(decoding, Size);
        byte* d = m + (uint)data;
        *(int*)(d + Conversion) = guest.CreateContext(decoding, name);
        d[IncludeXids] = 1;
        *(int*)(c + Context.OutputPluginPrivate) = data;
        byte* o = m + (uint)options;
        *(int*)(o + PgliteStructs.OutputPluginOptions.OutputType) = Textual;
        o[PgliteStructs.OutputPluginOptions.ReceiveRewrites] = 0;
        bool streaming = false;
        int list = *(int*)(c + Context.Options);
        int count = Lists.Length(m, list);
        for (int i = 0; i < count; i++)
        {
            int element = Lists.Element(m, list, i);
            int argument = *(int*)(m + (uint)element + PgliteStructs.DefElem.Argument);
            string option = CString.Read(m, *(int*)(m + (uint)element + PgliteStructs.DefElem.Name));
            switch (option)
            {
                case "include-xids":
                    d[IncludeXids] = Flag(m, option, argument);
                    break;
                case "include-timestamp":
                    d[IncludeTimestamp] = Flag(m, option, argument);
                    break;
                case "skip-empty-xacts":
                    d[SkipEmpty] = Flag(m, option, argument);
                    break;
                case "only-local":
                    d[OnlyLocal] = Flag(m, option, argument);
                    break;
                case "force-binary":
                    if (argument != 0 && Flag(m, option, argument) != 0)
                    {
                        *(int*)(o + PgliteStructs.OutputPluginOptions.OutputType) = Binary;
                    }

                    break;
                case "include-rewrites":
                    if (argument != 0)
                    {
                        o[PgliteStructs.OutputPluginOptions.ReceiveRewrites] = Flag(m, option, argument);
                    }

                    break;
                case "stream-changes":
                    streaming = argument != 0 ? Flag(m, option, argument) != 0 : streaming;
                    break;
                default:
                    string value = argument == 0 ? "(null)" : CString.Read(m, *(int*)(m + (uint)argument + PgliteStructs.DefElem.StringText));
                    ErrorReport.Throw(m, "22023", $"option \"{option}\" = \"{value}\" is unknown", "test_decoding.c", "pg_decode_startup");
                    break;
            }
        }

        c[Context.Streaming] &= (byte)(streaming ? 1 : 0);
    }

    /// <summary>shutdown_cb(ctx).</summary>
    public static void Shutdown(byte* m, int context) => new Guest(m).DeleteContext(*(int*)(DataOf(m, context) + Conversion));

    /// <summary>filter_by_origin_cb(ctx, origin): true leaves the transaction out.</summary>
    public static int FilterByOrigin(byte* m, int context, int origin) => DataOf(m, context)[OnlyLocal] != 0 && (ushort)origin != 0 ? 1 : 0;

    /// <summary>filter_prepare_cb(ctx, xid, gid): true decodes the transaction at COMMIT PREPARED only.</summary>
    public static int FilterPrepare(byte* m, int context, int xid, int gid) => new Guest(m).Text(gid).IndexOf("_nodecode"u8) >= 0 ? 1 : 0;

    /// <summary>The plugin's state of a decoding context.</summary>
    public static byte* DataOf(byte* m, int context) => m + (uint)*(int*)(m + (uint)context + Context.OutputPluginPrivate);

    /// <summary>Where a transaction's state is stored: 0 for none.</summary>
    public static ref int TransactionData(byte* m, int transaction) =>
        ref *(int*)(m + (uint)transaction + PgliteStructs.ReorderBufferTransaction.OutputPluginPrivate);

    /// <summary>Makes a transaction's state.</summary>
    public static void Attach(byte* m, int context, int transaction) =>
        TransactionData(m, transaction) = new Guest(m).AllocateZero(*(int*)(m + (uint)context + Context.Context), TransactionSize);

    // An option without a value is set.
    private static byte Flag(byte* m, string option, int argument)
    {
        if (argument == 0)
        {
            return 1;
        }

        int text = *(int*)(m + (uint)argument + PgliteStructs.DefElem.StringText);
        if (new Guest(m).ParseBoolean(text) is { } value)
        {
            return value ? (byte)1 : (byte)0;
        }

        ErrorReport.Throw(m, "22023", $"could not parse value \"{CString.Read(m, text)}\" for parameter \"{option}\"", "test_decoding.c", "pg_decode_startup");
        return 0;
    }
}
