using System.Text;

namespace Pocketgres.Engine.Shell;

/// <summary>
/// A command line of the simple kind that initdb gives to system() and popen(): words with quotes, and redirections. Programs that the
/// engine itself runs need no shell; whatever is not understood here goes to the host's shell.
/// </summary>
/// <param name="Arguments">The words, unquoted.</param>
/// <param name="Input">File for standard input, or null.</param>
/// <param name="Output">File for standard output, or null.</param>
/// <param name="ErrorToOutput">True for <c>2&gt;&amp;1</c>.</param>
internal sealed record ShellCommand(IReadOnlyList<string> Arguments, string? Input, string? Output, bool ErrorToOutput)
{
    /// <summary>Parses; null when the line uses more of the shell's language than this knows.</summary>
    public static ShellCommand? TryParse(string line)
    {
        var words = new List<string>();
        string? input = null;
        string? output = null;
        bool errorToOutput = false;
        int at = 0;
        while (true)
        {
            while (at < line.Length && char.IsWhiteSpace(line[at]))
            {
                at++;
            }

            if (at >= line.Length)
            {
                return words.Count == 0 ? null : new ShellCommand(words, input, output, errorToOutput);
            }

            if (line.AsSpan(at).StartsWith("2>&1"))
            {
                errorToOutput = true;
                at += 4;
                continue;
            }

            char c = line[at];
            if (c is '<' or '>')
            {
                at++;
                while (at < line.Length && line[at] == ' ')
                {
                    at++;
                }

                if (ReadWord(line, ref at) is not { } file)
                {
                    return null;
                }

                _ = c == '<' ? input = file : output = file;
                continue;
            }

            if (ReadWord(line, ref at) is not { } word)
            {
                return null;
            }

            words.Add(word);
        }
    }

    private static string? ReadWord(string line, ref int at)
    {
        var word = new StringBuilder();
        int start = at;
        while (at < line.Length && !char.IsWhiteSpace(line[at]) && line[at] is not ('<' or '>'))
        {
            char c = line[at];
            if (c is '|' or '&' or ';' or '$' or '`' or '(' or ')' or '*' or '?' or '~')
            {
                return null;
            }

            if (c is '"' or '\'')
            {
                int end = at + 1;
                while (end < line.Length && line[end] != c)
                {
                    if (c == '"' && line[end] == '\\' && end + 1 < line.Length)
                    {
                        end++;
                    }
                    else if (c == '"' && line[end] is '$' or '`')
                    {
                        return null;
                    }

                    word.Append(line[end++]);
                }

                if (end >= line.Length)
                {
                    return null;
                }

                at = end + 1;
                continue;
            }

            if (c == '\\' && at + 1 < line.Length)
            {
                c = line[++at];
            }

            word.Append(c);
            at++;
        }

        return at == start ? null : word.ToString();
    }
}
