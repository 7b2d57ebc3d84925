using System.Text;
using System.Text.RegularExpressions;

namespace Pocketgres.Migrations.Formats;

/// <summary>Reads what a JavaScript function <c>up(knex)</c> runs, where it is nothing but <c>raw()</c> with constant strings.</summary>
internal static partial class KnexProgram
{
    /// <summary>Whether the program has a function <c>up</c> of its own.</summary>
    public static bool HasUp(string text) => Head().IsMatch(text);

    /// <summary>The SQL of <c>up</c>, its calls ended by semicolons; null when there is anything else in it.</summary>
    public static string? ReadUp(string text)
    {
        if (Head().Match(text) is not { Success: true } head)
        {
            return null;
        }

        var sql = new StringBuilder();
        int at = head.Index + head.Length;
        bool hasBraces = head.Groups["brace"].Success;
        while (true)
        {
            at = Skip(text, at);
            if (hasBraces ? at < text.Length && text[at] == '}' : sql.Length > 0)
            {
                return sql.ToString();
            }

            if (Call().Match(text, at) is not { Success: true } call || ReadArgument(text, call.Index + call.Length, out int end) is not { } argument)
            {
                return null;
            }

            sql.Append(argument.TrimEnd().TrimEnd(';')).Append(";\n");
            at = Skip(text, end);
        }
    }

    // Behind the opening parenthesis: one constant string, then the closing one.
    private static string? ReadArgument(string text, int at, out int end)
    {
        end = at = Skip(text, at);
        if (at >= text.Length || text[at] is not ('`' or '\'' or '"'))
        {
            return null;
        }

        char quote = text[at];
        var value = new StringBuilder();
        for (at++; at < text.Length && text[at] != quote; at++)
        {
            char next = at + 1 < text.Length ? text[at + 1] : '\0';
            if (text[at] == '\\')
            {
                at++;
                if (next is 'u' or 'x' or '0')
                {
                    return null;
                }

                value.Append(next switch { 'n' => "\n", 't' => "\t", 'r' => "\r", '\n' => "", _ => next.ToString() });
            }
            else if (quote == '`' && text[at] == '$' && next == '{')
            {
                return null;
            }
            else
            {
                value.Append(text[at]);
            }
        }

        // A question mark would be a binding; Knex takes "\?" for the character.
        end = Skip(text, at + 1);
        if (end < text.Length && text[end] == ',')
        {
            end = Skip(text, end + 1);
        }

        if (end >= text.Length || text[end] != ')')
        {
            return null;
        }

        end++;
        return value.ToString();
    }

    // White space, comments, and semicolons between calls.
    private static int Skip(string text, int at) => at + Space().Match(text, at).Length;

    [GeneratedRegex(@"(?:(?:module\.)?exports\.up\s*=|export\s+(?:const\s+up\s*(?::[^=]+)?=|(?=(?:async\s+)?function\s+up\b)))\s*(?:async\s*)?(?:function\s*\w*\s*\([^)]*\)\s*(?::\s*[^{]+)?(?<brace>\{)|(?:\([^)]*\)|\w+)\s*(?::\s*[^={]+)?=>\s*(?<brace>\{)?)")]
    private static partial Regex Head();

    [GeneratedRegex(@"\G(?:return\b|await\b|\s)*(?:\w+(?:\.schema)?)?\s*\.raw(?:<[^>]*>)?\s*\(")]
    private static partial Regex Call();

    [GeneratedRegex(@"\G(?:[\s;]|//[^\n]*|/\*.*?\*/)*", RegexOptions.Singleline)]
    private static partial Regex Space();
}
