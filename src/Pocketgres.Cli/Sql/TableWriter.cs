using System.Globalization;
using System.Text;

namespace Pocketgres.Cli.Sql;

/// <summary>Tables as psql's aligned ones: numbers to the right, a plus where a value goes on in the next line.</summary>
internal sealed class TableWriter : IRowWriter
{
    private readonly List<string[][]> _rows = [];
    private IReadOnlyList<ResultColumn> _columns = [];

    public void Begin(IReadOnlyList<ResultColumn> columns)
    {
        _columns = columns;
        _rows.Clear();
    }

    public void Row(string?[] values) => _rows.Add([.. values.Select(v => (v ?? "").Split('\n'))]);

    public void End()
    {
        int[] widths = [.. _columns.Select((c, i) => Math.Max(Width(c.Name), _rows.Max(r => (int?)r[i].Max(Width)) ?? 0))];
        var text = new StringBuilder();
        text.AppendJoin('|', _columns.Select((c, i) => " " + Centered(c.Name, widths[i]) + " ")).Append('\n');
        text.AppendJoin('+', widths.Select(w => new string('-', w + 2))).Append('\n');
        foreach (string[][] row in _rows)
        {
            int lines = row.Length == 0 ? 1 : row.Max(v => v.Length);
            for (int line = 0; line < lines; line++)
            {
                text.AppendJoin('|', row.Select((value, i) => Cell(value, line, widths[i], _columns[i].IsNumber, isLast: i == row.Length - 1))).Append('\n');
            }
        }

        text.Append(CultureInfo.InvariantCulture, $"({_rows.Count} row{(_rows.Count == 1 ? "" : "s")})\n\n");
        StandardStreams.WriteOutput(text.ToString());
        _rows.Clear();
    }

    public void Done(string word, int rows) => StandardStreams.WriteOutput(rows >= 0 ? string.Create(CultureInfo.InvariantCulture, $"{word} {rows}\n") : word + "\n");

    private static string Cell(string[] lines, int line, int width, bool isNumber, bool isLast)
    {
        string value = line < lines.Length ? lines[line] : "";
        string blank = new(' ', width - Width(value));
        bool goesOn = line + 1 < lines.Length;
        return " " + (isNumber ? blank + value : isLast && !goesOn ? value : value + blank) + (goesOn ? "+" : isLast ? "" : " ");
    }

    private static string Centered(string name, int width)
    {
        int blank = width - Width(name);
        return new string(' ', blank / 2) + name + new string(' ', blank - (blank / 2));
    }

    // Characters, not UTF-16 units; wide ones count as one.
    private static int Width(string text) => new StringInfo(text).LengthInTextElements;
}
