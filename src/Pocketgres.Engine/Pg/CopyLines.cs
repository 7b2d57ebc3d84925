using System.Runtime.InteropServices;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// COPY FROM in text format (commands/copyfromparse.c): ordinary lines and fields are taken with vectors. What is not ordinary (the first line, escapes, other line
/// ends, the end of the buffer, errors) is left to PostgreSQL's functions, and what they need is as they would have left it.
/// </summary>
public static unsafe class CopyLines
{
    private const string Caller = "CopyFromTextOneRow", Line = "CopyReadLine", Attributes = "CopyReadAttributesText";

    /// <summary>CopyReadLine(CopyFromState, bool is_csv), for text: the next line goes from input_buf to line_buf. Returns whether the input has ended.</summary>
    [CallReplacement(Caller, Line, 2, Locking = KernelLocking.None)]
    public static int ReadLine(byte* m, long state, int csv) =>
        TakeLine(m, new CopyFromState(m, (uint)state)) ? 0 : ((delegate*<byte*, long, int, int>)Process.From(m).Export(Line))(m, state, csv);

    /// <summary>CopyReadAttributesText(CopyFromState): the fields of line_buf go to attribute_buf, and their addresses to raw_fields. Returns their number.</summary>
    [CallReplacement(Caller, Attributes, 2, Locking = KernelLocking.None)]
    public static int ReadAttributes(byte* m, long state)
    {
        int fields = TakeFields(m, new CopyFromState(m, (uint)state));
        return fields >= 0 ? fields : ((delegate*<byte*, long, int>)Process.From(m).Export(Attributes))(m, state);
    }

    private static bool TakeLine(byte* m, CopyFromState copy)
    {
        if (copy.LineEnd != EolTypes.Newline)
        {
            return false;
        }

        int index = copy.InputIndex;
        var text = new ReadOnlySpan<byte>(m + copy.Input + (uint)index, copy.InputLength - index);
        int length = CopyText.LineLength(text);
        var line = copy.LineBuffer;
        if (length < 0 || length >= line.Room)
        {
            return false;
        }

        text[..length].CopyTo(new Span<byte>(m + line.Data, length));
        m[line.Data + (uint)length] = 0;
        line.Length = length;
        line.Cursor = 0;
        copy.InputIndex = index + length + 1;
        copy.LineIsValid = true;
        return true;
    }

    private static ReadOnlySpan<byte> NullMark(byte* m, CopyFromState copy) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(m + copy.NullMark);

    private static int TakeFields(byte* m, CopyFromState copy)
    {
        var line = copy.LineBuffer;
        var output = copy.AttributeBuffer;
        int length = line.Length;
        if (length + CopyText.Step > line.Room || length + CopyText.Step > output.Room || copy.DefaultMark != 0 || !NullMark(m, copy).SequenceEqual("\\N"u8))
        {
            return -1;
        }

        int count = CopyText.Split(new ReadOnlySpan<byte>(m + line.Data, line.Room), length, m[copy.Delimiter], new Span<byte>(m + output.Data, output.Room), output.Data,
            new Span<ulong>(m + copy.Fields, Math.Max(copy.MaximumFields, 0)));
        if (count >= 0)
        {
            output.Length = length;
            output.Cursor = 0;
        }

        return count;
    }
}
