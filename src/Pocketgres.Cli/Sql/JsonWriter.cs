using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Pocketgres.Cli.Sql;

/// <summary>An array of objects a result, a row a line. Numbers, truth values and JSON are what they are, everything else is a string.</summary>
internal sealed class JsonWriter : IRowWriter
{
    private const int BlockSize = 32 << 10;

    private readonly StringBuilder _text = new();
    private IReadOnlyList<ResultColumn> _columns = [];
    private bool _isFirst;

    public void Begin(IReadOnlyList<ResultColumn> columns)
    {
        _columns = columns;
        _isFirst = true;
        _text.Append('[');
    }

    public void Row(string?[] values)
    {
        _text.Append(_isFirst ? "\n{" : ",\n{");
        _isFirst = false;
        for (int i = 0; i < values.Length; i++)
        {
            _text.Append(i == 0 ? "" : ",").Append(Quote(_columns[i].Name)).Append(':').Append(Value(values[i], _columns[i]));
        }

        _text.Append('}');
        if (_text.Length > BlockSize)
        {
            Flush();
        }
    }

    public void End()
    {
        _text.Append(_isFirst ? "]\n" : "\n]\n");
        Flush();
    }

    public void Done(string word, int rows)
    {
    }

    private static string Value(string? value, ResultColumn column) => value switch
    {
        null => "null",
        "NaN" or "Infinity" or "-Infinity" => Quote(value),
        _ when column.IsNumber => value,
        _ when column.Type == "boolean" => value == "t" ? "true" : "false",

        // Of several lines in a json column one is made: a row is a line.
        _ when column.Type is "json" or "jsonb" => value.Replace("\n", " ", StringComparison.Ordinal),
        _ => Quote(value),
    };

    private static string Quote(string text) => "\"" + JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping) + "\"";

    private void Flush()
    {
        StandardStreams.WriteOutput(_text.ToString());
        _text.Clear();
    }
}
