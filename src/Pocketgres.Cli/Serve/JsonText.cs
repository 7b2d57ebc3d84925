using System.Globalization;
using System.Text;

namespace Pocketgres.Cli.Serve;

/// <summary>Strings of JSON, written out: System.Text.Json would be loaded and partly compiled at every start for a line.</summary>
internal static class JsonText
{
    /// <summary>Appends a string with its quotes (RFC 8259, section 7).</summary>
    public static StringBuilder AppendJson(this StringBuilder json, string text)
    {
        json.Append('"');
        foreach (char c in text)
        {
            if (c is '"' or '\\' || c < ' ' || char.IsSurrogate(c))
            {
                json.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                json.Append(c);
            }
        }

        return json.Append('"');
    }
}
