using Pocketgres.Engine.Data;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port;

/// <summary>The loops of COPY FROM over bytes.</summary>
public static unsafe class CopyCalls
{
    /// <summary>Before each turn of CopyReadLineText's loop (commands/copyfromparse.c), which looks at one byte.</summary>
    [HostFunction("postgres.CopyReadLineText")]
    public static int Line(byte* m, int csv, int buffer, int index, int length, int needData) => CopyText.Line(m, csv, buffer, index, length, needData);

    /// <summary>Before each turn of the loop of CopyReadAttributesText over a field's bytes.</summary>
    [HostFunction("postgres.CopyReadAttributesText")]
    public static int Field(byte* m, int input, int output, int end, int delimiter) => CopyText.Field(m, input, output, end, delimiter);
}
