using System.Globalization;
using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Encodings;

/// <summary>
/// Postgres' encodings by number (<c>pg_enc</c> of mb/pg_wchar.h) and what the module's own tables know of them: <c>pg_wchar_table</c> and
/// <c>pg_enc2name_tbl</c>. The functions are those that conversion libraries import and that the linker dropped from the module.
/// </summary>
public static unsafe class EncodingTable
{
    internal const int SqlAscii = 0, Utf8 = 6, MuleInternal = 7;
    private const int Last = 41; // PG_SHIFT_JIS_2004
    private const int MaximumBytesShown = 8;

    /// <summary>Verifies the first character of a string.</summary>
    /// <returns>Its length in bytes, or -1 when it is invalid or incomplete.</returns>
    [HostFunction("pg_encoding_verifymbchar")]
    public static int VerifyCharacter(byte* m, int encoding, int text, int length) =>
        ((delegate*<byte*, int, int, int>)Method(m, encoding, PgliteStructs.PgWcharTable.VerifyCharacter))(m, text, length);

    /// <summary>Reports that a character exists in one encoding only (SQLSTATE 22P05). Never returns.</summary>
    [HostFunction("report_untranslatable_char")]
    public static void ReportUntranslatable(byte* m, int from, int to, int text, int length)
    {
        int shown = Math.Min(Math.Min(CharacterLength(m, from, text), length), MaximumBytesShown);
        var bytes = new StringBuilder();
        for (int i = 0; i < shown; i++)
        {
            bytes.Append(CultureInfo.InvariantCulture, $"{(i > 0 ? " " : "")}0x{m[(uint)text + i]:x2}");
        }

        ErrorReport.Throw(m, "22P05",
            $"character with byte sequence {bytes} in encoding \"{Name(m, from)}\" has no equivalent in encoding \"{Name(m, to)}\"",
            "mbutils.c", "report_untranslatable_char");
    }

    /// <summary>Reports that a string is not valid in its encoding (SQLSTATE 22021). Never returns.</summary>
    internal static void ReportInvalid(byte* m, int encoding, int text, int length) =>
        ((delegate*<byte*, int, int, int, void>)Process.From(m).Function(PgliteFunctions.ReportInvalidEncoding))(m, encoding, text, length);

    /// <summary>Length in bytes that a character's first byte announces.</summary>
    internal static int CharacterLength(byte* m, int encoding, int text) =>
        ((delegate*<byte*, int, int>)Method(m, encoding, PgliteStructs.PgWcharTable.CharacterLength))(m, text);

    /// <summary>Columns that a character takes on a terminal.</summary>
    internal static int DisplayWidth(byte* m, int encoding, int text) =>
        ((delegate*<byte*, int, int>)Method(m, encoding, PgliteStructs.PgWcharTable.DisplayWidth))(m, text);

    /// <summary>How many bytes of a string are valid.</summary>
    internal static int VerifyString(byte* m, int encoding, int text, int length) =>
        ((delegate*<byte*, int, int, int>)Method(m, encoding, PgliteStructs.PgWcharTable.VerifyString))(m, text, length);

    /// <summary>Address of an encoding's name; of an empty string when there is no such encoding.</summary>
    internal static int NameAddress(byte* m, int encoding)
    {
        int sqlAscii = *(int*)(m + PgliteAddresses.EncodingNames);
        return IsValid(encoding)
            ? *(int*)(m + PgliteAddresses.EncodingNames + ((uint)encoding * PgliteStructs.PgEnc2Name.Size))
            : sqlAscii + "SQL_ASCII".Length;
    }

    /// <summary>PG_VALID_ENCODING.</summary>
    internal static bool IsValid(int encoding) => encoding is >= 0 and <= Last;

    private static string Name(byte* m, int encoding) =>
        CString.Read(m, NameAddress(m, encoding));

    private static nint Method(byte* m, int encoding, int field)
    {
        int row = PgliteAddresses.WcharTable + ((IsValid(encoding) ? encoding : SqlAscii) * PgliteStructs.PgWcharTable.Size);
        return FunctionTable.Get(m, *(int*)(m + row + field));
    }
}
