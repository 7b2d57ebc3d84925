using System.Text.RegularExpressions;
using Pocketgres.Sql;

namespace Pocketgres.Cli.Sql;

/// <summary>Replaces psql's references to variables: <c>:name</c>, <c>:'name'</c>, <c>:"name"</c>; not inside quotes and comments, and no unknown ones.</summary>
internal static partial class SqlVariables
{
    /// <summary>Replaces them.</summary>
    public static string Replace(string sql, IReadOnlyDictionary<string, string> variables) => variables.Count == 0 ? sql : Token().Replace(sql, m =>
        m.Groups["literal"] is { Success: true } literal && variables.TryGetValue(literal.Value, out string? value) ? SqlCalls.Literal(value)
        : m.Groups["identifier"] is { Success: true } identifier && variables.TryGetValue(identifier.Value, out value) ? SqlCalls.Identifier(value)
        : m.Groups["raw"] is { Success: true } raw && variables.TryGetValue(raw.Value, out value) ? value
        : m.Value);

    // What is passed over whole comes first: comments, strings, identifiers in quotes, dollar quotes, casts.
    [GeneratedRegex("""--[^\n]*|/\*.*?\*/|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?<tag>\w*)\$.*?\$\k<tag>\$|::|:'(?<literal>\w+)'|:"(?<identifier>\w+)"|:(?<raw>[A-Za-z_]\w*)""", RegexOptions.Singleline)]
    private static partial Regex Token();
}
