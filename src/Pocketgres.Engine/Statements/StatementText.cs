using System.Buffers;

namespace Pocketgres.Engine.Statements;

/// <summary>
/// A statement's text without its literals: statements that differ in these alone have the same analysis but for the values. What is no plain literal
/// (a decimal number, an escaped or dollar-quoted string, a hexadecimal number) stays in the text.
/// </summary>
/// <remarks>
/// The rules are those of the core lexer (parser/scan.l). Where one would have to know more (comments, strings in several parts, several statements),
/// there is no such form: it must never take something for a literal that is none. Whether a literal's value can be replaced in the analysed statement
/// is looked for there (StatementLiterals).
/// </remarks>
internal sealed class StatementText
{
    private const int MostLiterals = 1024;

    private static readonly SearchValues<byte> IdentifierBytes = SearchValues.Create(MakeIdentifierBytes());

    private static readonly SearchValues<byte> Blanks = SearchValues.Create(" \t\r\n\f\v"u8);

    private byte[] _form = new byte[1024];
    private int _length;

    /// <summary>The literals, in the order of the text.</summary>
    public List<Literal> Literals { get; } = [];

    /// <summary>The text with a byte below 8 in the place of each literal, then what else of the message was given.</summary>
    public ReadOnlySpan<byte> Form => _form.AsSpan(0, _length);

    /// <summary>Reads a statement.</summary>
    /// <param name="text">Its text, in the server's encoding.</param>
    /// <param name="rest">What else makes two statements different.</param>
    /// <returns>False if the text has no such form; then <see cref="Form"/> and <see cref="Literals"/> mean nothing.</returns>
    public bool Read(ReadOnlySpan<byte> text, ReadOnlySpan<byte> rest)
    {
        if (_form.Length < text.Length + rest.Length)
        {
            _form = new byte[(text.Length + rest.Length) * 2];
        }

        Literals.Clear();
        _length = 0;
        int minus = -1; // offset of a minus with nothing but blanks since
        for (int i = 0; i < text.Length;)
        {
            byte c = text[i];
            byte next = i + 1 < text.Length ? text[i + 1] : (byte)0;
            int end = i + 1;
            bool blank = false;
            switch (c)
            {
                case < 9 or (byte)'\\':
                case (byte)'-' when next == '-':
                case (byte)'/' when next == '*':
                case (byte)'$' when !char.IsAsciiDigit((char)next):
                case (byte)';' when text[end..].ContainsAnyExcept(Blanks):
                case (byte)'&' when next == '\'': // the end of U&
                    return false;
                case var _ when Blanks.Contains(c):
                    blank = true;
                    break;
                case (byte)'"':
                    int quote = text[end..].IndexOf((byte)'"');
                    if (quote < 0)
                    {
                        return false;
                    }

                    end += quote + 1;
                    break;
                case (byte)'\'':
                    end = EndOfString(text, i);
                    if (end < 0 || !Add(new Literal(LiteralKind.Quoted, i, end - i, 0, -1)))
                    {
                        return false;
                    }

                    i = end;
                    minus = -1;
                    continue;
                case (byte)'.' when char.IsAsciiDigit((char)next):
                case (byte)'$':
                    end = EndOfWord(text, end);
                    break;
                default:
                    if (char.IsAsciiDigit((char)c))
                    {
                        end = EndOfWord(text, i);
                        if (Integer(text[i..end]) is { } literal)
                        {
                            if (!Add(literal with { Offset = i, Minus = minus }))
                            {
                                return false;
                            }

                            i = end;
                            minus = -1;
                            continue;
                        }
                    }
                    else if (IdentifierBytes.Contains(c))
                    {
                        end = EndOfWord(text, i);
                        if (end < text.Length && text[end] == '\'')
                        {
                            return false; // E'', B'', X'', N''
                        }
                    }

                    break;
            }

            minus = c == '-' ? i : blank ? minus : -1;
            text[i..end].CopyTo(_form.AsSpan(_length));
            _length += end - i;
            i = end;
        }

        rest.CopyTo(_form.AsSpan(_length));
        _length += rest.Length;
        return true;
    }

    private bool Add(Literal literal)
    {
        _form[_length++] = (byte)literal.Kind;
        Literals.Add(literal);
        return Literals.Count <= MostLiterals;
    }

    // The dot is that of a decimal number, as in 1.5 and in 1..5, which are left as they are.
    private static int EndOfWord(ReadOnlySpan<byte> text, int start)
    {
        int end = start;
        while (end < text.Length && (IdentifierBytes.Contains(text[end]) || (text[end] == '.' && char.IsAsciiDigit((char)text[start]))))
        {
            end++;
        }

        return end;
    }

    // Its type is that of its value: int4, int8, or numeric, which is not a plain literal here. The two values whose type depends on a minus are none either.
    private static Literal? Integer(ReadOnlySpan<byte> word)
    {
        if (word.Length > 19 || word.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return null;
        }

        ulong value = 0;
        foreach (byte digit in word)
        {
            value = (value * 10) + digit - '0';
        }

        return value switch
        {
            <= int.MaxValue => new Literal(LiteralKind.Integer, 0, word.Length, (long)value, -1),
            > int.MaxValue + 1UL and <= long.MaxValue => new Literal(LiteralKind.BigInteger, 0, word.Length, (long)value, -1),
            _ => null,
        };
    }

    // Two quotes are one. Another string after it may belong to it.
    private static int EndOfString(ReadOnlySpan<byte> text, int start)
    {
        for (int i = start + 1; ; i += 2)
        {
            int quote = text[i..].IndexOfAny((byte)'\'', (byte)'\\');
            if (quote < 0 || text[i + quote] == '\\')
            {
                return -1;
            }

            i += quote;
            if (i + 1 == text.Length || text[i + 1] != '\'')
            {
                int after = text[(i + 1)..].IndexOfAnyExcept(Blanks);
                return after >= 0 && text[i + 1 + after] == '\'' ? -1 : i + 1;
            }
        }
    }

    // Letters, digits, and whatever is not ASCII.
    private static byte[] MakeIdentifierBytes()
    {
        byte[] high = new byte[0x80];
        for (int i = 0; i < high.Length; i++)
        {
            high[i] = (byte)(0x80 + i);
        }

        return [.. "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"u8, .. high];
    }
}

/// <summary>What a literal is; the values are the bytes that stand for it in <see cref="StatementText.Form"/>.</summary>
internal enum LiteralKind : byte
{
    /// <summary>An integer of type int4.</summary>
    Integer = 1,

    /// <summary>An integer of type int8, and not of type int4.</summary>
    BigInteger = 2,

    /// <summary>A quoted string.</summary>
    Quoted = 3,
}

/// <summary>A literal in a statement's text.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Offset">Where it begins; of a string, its quote.</param>
/// <param name="Length">Bytes of it in the text.</param>
/// <param name="Value">Of an integer.</param>
/// <param name="Minus">Where the minus before it is, which may be its sign; -1: none.</param>
internal readonly record struct Literal(LiteralKind Kind, int Offset, int Length, long Value, int Minus)
{
    /// <summary>A string's bytes between its quotes, with each quote in it twice.</summary>
    public ReadOnlySpan<byte> Quoted(ReadOnlySpan<byte> text) => text.Slice(Offset + 1, Length - 2);
}
