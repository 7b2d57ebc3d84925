using System.Runtime.InteropServices;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Libpq;

/// <summary>
/// The rest of what libpq takes from src/common, src/port and the C library and the server program does not have (or has for itself only).
/// </summary>
public static unsafe class FrontendLibrary
{
    private const int Truncated = 68; // ERANGE

    /// <summary><c>bool pg_link_canary_is_frontend(void)</c>: libpq asks whether it is linked to the functions meant for it. These are.</summary>
    [HostFunction("pg_link_canary_is_frontend")]
    public static int IsFrontend(byte* m) => 1;

    /// <summary><c>int pg_strip_crlf(char *str)</c>: cuts line ends off; the length left.</summary>
    [HostFunction("pg_strip_crlf")]
    public static int StripLineEnd(byte* m, int text)
    {
        byte* s = m + (uint)text;
        int length = Length(m, text);
        while (length > 0 && s[length - 1] is (byte)'\n' or (byte)'\r')
        {
            s[--length] = 0;
        }

        return length;
    }

    /// <summary>explicit_bzero(3).</summary>
    [HostFunction("explicit_bzero")]
    public static void Clear(byte* m, int address, int count) =>
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(new Span<byte>(m + (uint)address, count));

    /// <summary>strnlen(3).</summary>
    [HostFunction("strnlen")]
    public static int BoundedLength(byte* m, int text, int maximum)
    {
        int end = new ReadOnlySpan<byte>(m + (uint)text, maximum).IndexOf((byte)0);
        return end < 0 ? maximum : end;
    }

    /// <summary>strlcat(3).</summary>
    [HostFunction("strlcat")]
    public static int Append(byte* m, int target, int source, int size)
    {
        int used = BoundedLength(m, target, size), added = Length(m, source);
        int room = size - used - 1;
        if (room >= 0)
        {
            int copied = Math.Min(room, added);
            Buffer.MemoryCopy(m + (uint)source, m + (uint)target + used, copied, copied);
            m[(uint)target + used + copied] = 0;
        }

        return used + added;
    }

    /// <summary>putc(3).</summary>
    [HostFunction("putc")]
    public static int PutCharacter(byte* m, int character, int stream) =>
        ((delegate*<byte*, int, int, int>)Process.From(m).Export("fputc"))(m, character, stream);

    /// <summary><c>char *pg_strerror_r(int errnum, char *buf, size_t buflen)</c>.</summary>
    [HostFunction("pg_strerror_r")]
    public static int ErrorText(byte* m, int error, int buffer, int size)
    {
        int code = ((delegate*<byte*, int, int, int, int>)Process.From(m).Export("strerror_r"))(m, error, buffer, size);
        if (code is not (0 or Truncated))
        {
            CString.TryWrite(m, buffer, size, FormattableString.Invariant($"operating system error {error}"));
        }

        return buffer;
    }

    /// <summary>getpwuid_r(3): the server's user, whoever runs it. Its home directory is /, where no .pgpass is looked for by accident.</summary>
    [HostFunction("getpwuid_r")]
    public static int GetUser(byte* m, int user, int entry, int buffer, int size, int result)
    {
        ReadOnlySpan<byte> name = "postgres\0"u8, directory = "/\0"u8;
        *(int*)(m + (uint)result) = 0;
        if (size < name.Length + directory.Length)
        {
            return Truncated;
        }

        name.CopyTo(new Span<byte>(m + (uint)buffer, size));
        directory.CopyTo(new Span<byte>(m + (uint)buffer + name.Length, directory.Length));
        int empty = buffer + name.Length - 1, home = buffer + name.Length;

        // struct passwd (musl): name, password, uid, gid, gecos, directory, shell.
        ReadOnlySpan<int> fields = [buffer, empty, user, user, empty, home, empty];
        fields.CopyTo(new Span<int>(m + (uint)entry, fields.Length));
        *(int*)(m + (uint)result) = entry;
        return 0;
    }

    /// <summary><c>void pg_prng_seed(pg_prng_state *, uint64 seed)</c> (common/pg_prng.c): two steps of splitmix64.</summary>
    [HostFunction("pg_prng_seed")]
    public static void SeedRandom(byte* m, int state, long seed)
    {
        ulong* s = (ulong*)(m + (uint)state);
        ulong x = (ulong)seed;
        s[0] = Next(ref x);
        s[1] = Next(ref x);
        _ = SeedIsUsable(m, state);

        static ulong Next(ref ulong x)
        {
            ulong v = x += 0x9E3779B97f4A7C15;
            v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9;
            v = (v ^ (v >> 27)) * 0x94D049BB133111EB;
            return v ^ (v >> 31);
        }
    }

    /// <summary><c>bool pg_prng_seed_check(pg_prng_state *)</c>: a state of zeroes would stay so.</summary>
    [HostFunction("pg_prng_seed_check")]
    public static int SeedIsUsable(byte* m, int state)
    {
        ulong* s = (ulong*)(m + (uint)state);
        if (s[0] == 0 && s[1] == 0)
        {
            s[0] = 0x5851F42D4C957F2D;
            s[1] = 0x14057B7EF767814F;
        }

        return 1;
    }

    /// <summary><c>uint64 pg_prng_uint64_range(pg_prng_state *, uint64 rmin, uint64 rmax)</c>, both included.</summary>
    [HostFunction("pg_prng_uint64_range")]
    public static long RandomInRange(byte* m, int state, long minimum, long maximum)
    {
        ulong range = (ulong)maximum - (ulong)minimum;
        if ((ulong)maximum <= (ulong)minimum)
        {
            return minimum;
        }

        var next = (delegate*<byte*, int, long>)Process.From(m).Export("pg_prng_uint64");
        int shift = System.Numerics.BitOperations.LeadingZeroCount(range);
        ulong value;
        do
        {
            value = (ulong)next(m, state) >> shift;
        }
        while (value > range);
        return minimum + (long)value;
    }

    // ---- Signals: libpq blocks SIGPIPE around sends; ours never raise it.

    /// <summary>sigemptyset(3).</summary>
    [HostFunction("sigemptyset")]
    public static int EmptySet(byte* m, int set)
    {
        *(long*)(m + (uint)set) = 0;
        return 0;
    }

    /// <summary>sigaddset(3).</summary>
    [HostFunction("sigaddset")]
    public static int AddToSet(byte* m, int set, int signal)
    {
        *(long*)(m + (uint)set) |= 1L << (signal - 1);
        return 0;
    }

    /// <summary>sigismember(3).</summary>
    [HostFunction("sigismember")]
    public static int IsInSet(byte* m, int set, int signal) => (int)((*(long*)(m + (uint)set) >> (signal - 1)) & 1);

    /// <summary>pthread_sigmask(3): the process's, as it has one thread.</summary>
    [HostFunction("pthread_sigmask")]
    public static int SignalMask(byte* m, int how, int set, int old) =>
        ((delegate*<byte*, int, int, int, int>)Process.From(m).Function(PgliteFunctions.SigProcMask))(m, how, set, old) == 0
            ? 0
            : *(int*)(m + PgliteAddresses.Errno);

    /// <summary>sigpending(2): libpq asks for a SIGPIPE of its own making, of which there is none.</summary>
    [HostFunction("sigpending")]
    public static int PendingSignals(byte* m, int set) => EmptySet(m, set);

    /// <summary>sigwait(3): only after <see cref="PendingSignals"/> reported one.</summary>
    [HostFunction("sigwait")]
    public static int WaitForSignal(byte* m, int set, int signal) => (int)Errno.EINVAL;

    // ---- OAuth: libpq reads a server's JSON only to begin a flow that needs libcurl, which this build has not.

    private const int InvalidToken = 14; // JSON_INVALID_TOKEN (common/jsonapi.h)

    /// <summary><c>JsonLexContext *makeJsonLexContextCstringLen(JsonLexContext *, const char *, size_t, int encoding, bool)</c>.</summary>
    [HostFunction("makeJsonLexContextCstringLen")]
    public static int MakeJsonContext(byte* m, int context, int json, int length, int encoding, int needEscapes) => context;

    /// <summary><c>void setJsonLexContextOwnsTokens(JsonLexContext *, bool)</c>.</summary>
    [HostFunction("setJsonLexContextOwnsTokens")]
    public static void OwnTokens(byte* m, int context, int owned)
    {
    }

    /// <summary><c>JsonParseErrorType pg_parse_json(JsonLexContext *, const JsonSemAction *)</c>: fails; <see cref="JsonError"/> says why.</summary>
    [HostFunction("pg_parse_json")]
    public static int ParseJson(byte* m, int context, int actions) => InvalidToken;

    /// <summary><c>char *json_errdetail(JsonParseErrorType, JsonLexContext *)</c>.</summary>
    [HostFunction("json_errdetail")]
    public static int JsonError(byte* m, int error, int context) => GuestHeap.Duplicate(m, "OAuth authentication is not supported by this build");

    /// <summary><c>void freeJsonLexContext(JsonLexContext *)</c>.</summary>
    [HostFunction("freeJsonLexContext")]
    public static void FreeJsonContext(byte* m, int context)
    {
    }

    private static int Length(byte* m, int text) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(m + (uint)text).Length;
}
