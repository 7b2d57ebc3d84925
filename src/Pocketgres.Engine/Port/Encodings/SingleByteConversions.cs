using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port.Encodings;

/// <summary>
/// Conversions between encodings of one byte a character, and between them and Mule internal code, where such a character is the number of
/// its character set and a byte. ASCII is the same everywhere; a table maps the bytes from 0x80 up, 0 for none.
/// </summary>
/// <remarks>
/// Contract of all (mb/pg_wchar.h): the target is large enough and gets a NUL; the result is the number of bytes converted, less than the
/// length only with <c>noError</c>; otherwise what is invalid or untranslatable is an ERROR.
/// </remarks>
public static unsafe class SingleByteConversions
{
    /// <summary><c>int local2local(src, dest, len, src_encoding, dest_encoding, table, noError)</c>.</summary>
    [HostFunction("local2local")]
    public static int LocalToLocal(byte* m, int source, int target, int length, int from, int to, int table, int noError)
    {
        byte* output = m + (uint)target;
        int done;
        for (done = 0; done < length; done++)
        {
            byte c = m[(uint)source + done];
            byte mapped = c < 0x80 ? c : m[(uint)table + c - 0x80];
            if (mapped == 0)
            {
                if (noError != 0)
                {
                    break;
                }

                Fail(m, c == 0, from, to, source + done, length - done);
            }

            *output++ = mapped;
        }

        *output = 0;
        return done;
    }

    /// <summary><c>int latin2mic(src, dest, len, charset, encoding, noError)</c>: the bytes are those of the character set.</summary>
    [HostFunction("latin2mic")]
    public static int LatinToMule(byte* m, int source, int target, int length, int characterSet, int encoding, int noError) =>
        LatinToMule(m, source, target, length, characterSet, encoding, 0, noError);

    /// <summary><c>int latin2mic_with_table(src, dest, len, charset, encoding, table, noError)</c>.</summary>
    [HostFunction("latin2mic_with_table")]
    public static int LatinToMule(byte* m, int source, int target, int length, int characterSet, int encoding, int table, int noError)
    {
        byte* output = m + (uint)target;
        int done;
        for (done = 0; done < length; done++)
        {
            byte c = m[(uint)source + done];
            byte mapped = c < 0x80 || table == 0 ? c : m[(uint)table + c - 0x80];
            if (mapped == 0)
            {
                if (noError != 0)
                {
                    break;
                }

                Fail(m, c == 0, encoding, EncodingTable.MuleInternal, source + done, length - done);
            }

            if (c >= 0x80)
            {
                *output++ = (byte)characterSet;
            }

            *output++ = mapped;
        }

        *output = 0;
        return done;
    }

    /// <summary><c>int mic2latin(src, dest, len, charset, encoding, noError)</c>: the bytes are those of the character set.</summary>
    [HostFunction("mic2latin")]
    public static int MuleToLatin(byte* m, int source, int target, int length, int characterSet, int encoding, int noError) =>
        MuleToLatin(m, source, target, length, characterSet, encoding, 0, noError);

    /// <summary><c>int mic2latin_with_table(src, dest, len, charset, encoding, table, noError)</c>.</summary>
    [HostFunction("mic2latin_with_table")]
    public static int MuleToLatin(byte* m, int source, int target, int length, int characterSet, int encoding, int table, int noError)
    {
        byte* output = m + (uint)target;
        int done = 0;
        while (done < length)
        {
            byte* character = m + (uint)source + done;
            int size = 1;
            byte mapped = *character;
            bool invalid = mapped == 0;
            if (mapped >= 0x80)
            {
                size = EncodingTable.CharacterLength(m, EncodingTable.MuleInternal, source + done);
                invalid = length - done < size;
                mapped = invalid || size != 2 || *character != characterSet || character[1] < 0x80 ? (byte)0
                    : table == 0 ? character[1] : m[(uint)table + character[1] - 0x80];
            }

            if (mapped == 0)
            {
                if (noError != 0)
                {
                    break;
                }

                Fail(m, invalid, EncodingTable.MuleInternal, encoding, source + done, length - done);
            }

            *output++ = mapped;
            done += size;
        }

        *output = 0;
        return done;
    }

    private static void Fail(byte* m, bool invalid, int from, int to, int text, int length)
    {
        if (invalid)
        {
            EncodingTable.ReportInvalid(m, from, text, length);
        }

        EncodingTable.ReportUntranslatable(m, from, to, text, length);
    }
}
