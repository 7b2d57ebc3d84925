using System.Text;
using Pocketgres.Engine.Port.Encodings;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port.Libpq;

/// <summary>libpq's functions on encodings (common/wchar.c, common/encnames.c), from the module's own tables.</summary>
public static unsafe class FrontendEncodings
{
    private const int Gb18030 = 39;
    private const byte InvalidUtf8 = 0xC0, InvalidOther = 0x8D; // NONUTF8_INVALID_BYTE0

    /// <summary><c>int pg_get_encoding_from_locale(const char *ctype, bool write_message)</c>: the server's locales are UTF-8.</summary>
    [HostFunction("pg_get_encoding_from_locale")]
    public static int OfLocale(byte* m, int locale, int writeMessage) => EncodingTable.Utf8;

    /// <summary><c>const char *pg_encoding_to_char(int encoding)</c>: "" for none.</summary>
    [HostFunction("pg_encoding_to_char")]
    public static int Name(byte* m, int encoding) => EncodingTable.NameAddress(m, encoding);

    /// <summary><c>int pg_char_to_encoding(const char *name)</c>: -1 when unknown. Servers report the names themselves, so aliases are not listed.</summary>
    [HostFunction("pg_char_to_encoding")]
    public static int OfName(byte* m, int name)
    {
        string wanted = Canonical(CString.Read(m, name));
        for (int encoding = 0; EncodingTable.IsValid(encoding); encoding++)
        {
            if (Canonical(CString.Read(m, Name(m, encoding))) == wanted)
            {
                return encoding;
            }
        }

        return wanted == "unicode" ? EncodingTable.Utf8 : -1;
    }

    /// <summary>The same, under the name for callers inside libpq.</summary>
    [HostFunction("pg_char_to_encoding_private")]
    public static int OfNamePrivate(byte* m, int name) => OfName(m, name);

    /// <summary><c>int pg_encoding_mblen(int encoding, const char *mbstr)</c>.</summary>
    [HostFunction("pg_encoding_mblen")]
    public static int CharacterLength(byte* m, int encoding, int text) => EncodingTable.CharacterLength(m, encoding, text);

    /// <summary><c>int pg_encoding_mblen_or_incomplete(int encoding, const char *mbstr, size_t remaining)</c>.</summary>
    [HostFunction("pg_encoding_mblen_or_incomplete")]
    public static int CharacterLength(byte* m, int encoding, int text, int remaining) =>
        remaining < 1 || (encoding == Gb18030 && m[(uint)text] >= 0x80 && remaining < 2) ? int.MaxValue : CharacterLength(m, encoding, text);

    /// <summary><c>int pg_encoding_dsplen(int encoding, const char *mbstr)</c>.</summary>
    [HostFunction("pg_encoding_dsplen")]
    public static int DisplayWidth(byte* m, int encoding, int text) => EncodingTable.DisplayWidth(m, encoding, text);

    /// <summary><c>int pg_encoding_verifymbstr(int encoding, const char *mbstr, int len)</c>: how many bytes are valid.</summary>
    [HostFunction("pg_encoding_verifymbstr")]
    public static int VerifyString(byte* m, int encoding, int text, int length) => EncodingTable.VerifyString(m, encoding, text, length);

    /// <summary><c>void pg_encoding_set_invalid(int encoding, char *dst)</c>: two bytes that are invalid in the encoding.</summary>
    [HostFunction("pg_encoding_set_invalid")]
    public static void SetInvalid(byte* m, int encoding, int target)
    {
        m[(uint)target] = encoding == EncodingTable.Utf8 ? InvalidUtf8 : InvalidOther;
        m[(uint)target + 1] = (byte)' ';
    }

    // Letters and digits only, as clean_encoding_name has it.
    private static string Canonical(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name.Where(char.IsAsciiLetterOrDigit))
        {
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
