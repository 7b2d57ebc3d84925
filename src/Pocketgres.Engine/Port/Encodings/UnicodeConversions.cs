using System.Globalization;
using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Engine.Port.Encodings;

/// <summary>
/// Conversions between UTF-8 and other encodings (contract: mb/pg_wchar.h). Characters are looked up in this order: pairs of characters that
/// are one in the other encoding, a radix tree, a function of the library. Codes are the character's bytes, the first one highest.
/// </summary>
/// <remarks>
/// The target is large enough and gets a NUL; the result is the number of bytes converted, less than the length only with <c>noError</c>;
/// otherwise what is invalid or untranslatable is an ERROR.
/// </remarks>
public static unsafe class UnicodeConversions
{
    private const int EntrySize = 12; // pg_utf_to_local_combined {utf1, utf2, code}; pg_local_to_utf_combined {code, utf1, utf2}

    /// <summary><c>int UtfToLocal(utf, len, iso, map, cmap, cmapsize, conv_func, encoding, noError)</c>.</summary>
    [HostFunction("UtfToLocal")]
    public static int UtfToLocal(byte* m, int source, int length, int target, int map, int pairs, int pairCount, int function, int encoding, int noError)
    {
        CheckEncoding(m, encoding, "UtfToLocal");
        var tree = new RadixTree(m, map);
        byte* output = m + (uint)target;
        int done = 0;
        while (done < length)
        {
            byte* character = m + (uint)source + done;
            int left = length - done;
            int size = Utf8Length(*character);
            if (*character == 0 || size > left || !IsLegal(character, size))
            {
                if (noError == 0)
                {
                    EncodingTable.ReportInvalid(m, EncodingTable.Utf8, source + done, left);
                }

                break;
            }

            if (size == 1)
            {
                *output++ = *character;
                done++;
                continue;
            }

            uint code = Pack(character, size);
            if (pairs != 0 && left > size)
            {
                // The pair decides only when all of the second character is there.
                byte* second = character + size;
                int secondSize = Utf8Length(*second);
                if (secondSize > left - size)
                {
                    if (noError == 0)
                    {
                        // As a stock server reports it: the first character, cut to what follows it.
                        EncodingTable.ReportInvalid(m, EncodingTable.Utf8, source + done, left - size);
                    }

                    break;
                }

                if (!IsLegal(second, secondSize))
                {
                    if (noError == 0)
                    {
                        EncodingTable.ReportInvalid(m, EncodingTable.Utf8, source + done + size, left - size);
                    }

                    break;
                }

                uint* pair = secondSize > 1 ? FindPair((uint*)(m + (uint)pairs), pairCount, code, Pack(second, secondSize)) : null;
                if (pair != null)
                {
                    output = Store(output, pair[2]);
                    done += size + secondSize;
                    continue;
                }
            }

            uint converted = map != 0 ? tree.Find(character, size) : 0;
            if (converted == 0 && function != 0)
            {
                converted = Call(m, function, code);
            }

            if (converted == 0)
            {
                if (noError == 0)
                {
                    EncodingTable.ReportUntranslatable(m, EncodingTable.Utf8, encoding, source + done, left);
                }

                break;
            }

            output = Store(output, converted);
            done += size;
        }

        *output = 0;
        return done;
    }

    /// <summary><c>int LocalToUtf(iso, len, utf, map, cmap, cmapsize, conv_func, encoding, noError)</c>.</summary>
    [HostFunction("LocalToUtf")]
    public static int LocalToUtf(byte* m, int source, int length, int target, int map, int pairs, int pairCount, int function, int encoding, int noError)
    {
        CheckEncoding(m, encoding, "LocalToUtf");
        var tree = new RadixTree(m, map);
        byte* output = m + (uint)target;
        int done = 0;
        while (done < length)
        {
            byte* character = m + (uint)source + done;
            if (*character is > 0 and < 0x80)
            {
                *output++ = *character;
                done++;
                continue;
            }

            int size = *character == 0 ? -1 : EncodingTable.VerifyCharacter(m, encoding, source + done, length - done);
            if (size is < 1 or > 4)
            {
                if (noError == 0)
                {
                    EncodingTable.ReportInvalid(m, encoding, source + done, length - done);
                }

                break;
            }

            uint code = Pack(character, size);
            uint converted = map != 0 ? tree.Find(character, size) : 0;
            if (converted == 0 && pairs != 0 && FindCode((uint*)(m + (uint)pairs), pairCount, code) is var pair && pair != null)
            {
                output = Store(Store(output, pair[1]), pair[2]);
                done += size;
                continue;
            }

            if (converted == 0 && function != 0)
            {
                converted = Call(m, function, code);
            }

            if (converted == 0)
            {
                if (noError == 0)
                {
                    EncodingTable.ReportUntranslatable(m, encoding, EncodingTable.Utf8, source + done, length - done);
                }

                break;
            }

            output = Store(output, converted);
            done += size;
        }

        *output = 0;
        return done;
    }

    // What the first byte announces; 1 for a byte that starts no character, which IsLegal then refuses.
    private static int Utf8Length(byte first) => first switch
    {
        < 0xC0 => 1,
        < 0xE0 => 2,
        < 0xF0 => 3,
        < 0xF8 => 4,
        _ => 1,
    };

    // Well-formed as the Unicode standard has it: shortest form, no surrogates, nothing above U+10FFFF.
    private static bool IsLegal(byte* character, int size) =>
        Rune.DecodeFromUtf8(new ReadOnlySpan<byte>(character, size), out _, out int consumed) == System.Buffers.OperationStatus.Done && consumed == size;

    private static uint Pack(byte* character, int size)
    {
        uint code = 0;
        for (int i = 0; i < size; i++)
        {
            code = (code << 8) | character[i];
        }

        return code;
    }

    // No encoding has a zero byte inside a character: zero bytes are none.
    private static byte* Store(byte* output, uint code)
    {
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            byte b = (byte)(code >> shift);
            if (b != 0)
            {
                *output++ = b;
            }
        }

        return output;
    }

    private static uint Call(byte* m, int function, uint code) =>
        (uint)((delegate*<byte*, int, int>)FunctionTable.Get(m, function))(m, (int)code);

    // Entries are sorted by both characters.
    private static uint* FindPair(uint* entries, int count, uint first, uint second)
    {
        ulong key = ((ulong)first << 32) | second;
        int low = 0, high = count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            uint* entry = entries + (middle * (EntrySize / sizeof(uint)));
            ulong value = ((ulong)entry[0] << 32) | entry[1];
            if (value == key)
            {
                return entry;
            }

            (low, high) = value < key ? (middle + 1, high) : (low, middle - 1);
        }

        return null;
    }

    // Entries are sorted by their code.
    private static uint* FindCode(uint* entries, int count, uint code)
    {
        int low = 0, high = count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            uint* entry = entries + (middle * (EntrySize / sizeof(uint)));
            if (entry[0] == code)
            {
                return entry;
            }

            (low, high) = entry[0] < code ? (middle + 1, high) : (low, middle - 1);
        }

        return null;
    }

    private static void CheckEncoding(byte* m, int encoding, string function)
    {
        if (!EncodingTable.IsValid(encoding))
        {
            ErrorReport.Throw(m, "22023", string.Create(CultureInfo.InvariantCulture, $"invalid encoding number: {encoding}"), "conv.c", function);
        }
    }
}
