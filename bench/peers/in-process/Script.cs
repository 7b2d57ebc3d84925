using System.Globalization;
using System.Text.RegularExpressions;

namespace Pocketgres.Bench.InProcess;

/// <summary>A line of a script: <c>\set NAME EXPRESSION</c>, or a statement.</summary>
internal abstract record Step;

/// <summary><c>\set</c>.</summary>
internal sealed record Assignment(string Name, Expression Value) : Step;

/// <summary>A statement with <c>:NAME</c> in it.</summary>
/// <param name="Parts">Text and variable in turn: the odd ones are names. For statements that are filled in.</param>
/// <param name="Numbered">With <c>$1</c> and so on instead, without the semicolon.</param>
/// <param name="Parameters">The name of each <c>$N</c>, once each.</param>
internal sealed record Statement(string[] Parts, string Numbered, string[] Parameters) : Step
{
    /// <summary>The statement with the variables' values as text.</summary>
    public string Fill(Dictionary<string, int> variables)
    {
        string[] filled = new string[Parts.Length];
        for (int i = 0; i < filled.Length; i++)
        {
            filled[i] = i % 2 == 0 ? Parts[i] : variables[Parts[i]].ToString(CultureInfo.InvariantCulture);
        }

        return string.Concat(filled);
    }
}

/// <summary>The part of pgbench's script language that bench/scripts use (the same as in ../pglite.mjs): <c>\set</c> with random(), and <c>:NAME</c>.</summary>
internal static partial class Script
{
    /// <exception cref="FormatException">A line is in another part of the language.</exception>
    public static Step[] Parse(string text) => [.. text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(ParseLine)];

    private static Step ParseLine(string line)
    {
        if (Assignment().Match(line) is { Success: true } set)
        {
            return new Assignment(set.Groups[1].Value, ExpressionParser.Parse(set.Groups[2].Value));
        }

        if (line[0] == '\\')
        {
            throw new FormatException("unknown: " + line);
        }

        string[] parts = Variable().Split(line.TrimEnd(';'));
        var names = parts.Where((_, i) => i % 2 == 1).Distinct().ToList();
        var numbered = parts.Select((part, i) => i % 2 == 0 ? part : "$" + (names.IndexOf(part) + 1).ToString(CultureInfo.InvariantCulture));
        return new Statement(parts, string.Concat(numbered), [.. names]);
    }

    [GeneratedRegex(@"^\\set (\w+) (.*)$")]
    private static partial Regex Assignment();

    // Not the second colon of a cast.
    [GeneratedRegex(@"(?<!:):(\w+)")]
    private static partial Regex Variable();
}
