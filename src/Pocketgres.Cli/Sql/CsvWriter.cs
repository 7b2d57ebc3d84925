using System.Text;

namespace Pocketgres.Cli.Sql;

/// <summary>RFC 4180, with a line of names; NULL is nothing, the empty string is two quotes.</summary>
internal sealed class CsvWriter : IRowWriter
{
    private const int BlockSize = 32 << 10;

    private readonly StringBuilder _text = new();

    public void Begin(IReadOnlyList<ResultColumn> columns) => Row([.. columns.Select(c => c.Name)]);

    public void Row(string?[] values)
    {
        _text.AppendJoin(',', values.Select(Field)).Append('\n');
        if (_text.Length > BlockSize)
        {
            End();
        }
    }

    public void End()
    {
        StandardStreams.WriteOutput(_text.ToString());
        _text.Clear();
    }

    public void Done(string word, int rows)
    {
    }

    private static string? Field(string? value) => value is null ? null
        : value.Length == 0 || value.AsSpan().ContainsAny("\",\r\n") ? "\"" + value.Replace("\"", "\"\"", StringComparison.Ordinal) + "\""
        : value;
}
