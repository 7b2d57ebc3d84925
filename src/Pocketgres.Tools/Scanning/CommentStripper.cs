using System.Text;

namespace Pocketgres.Scanning;

/// <summary>Blanks out comments, keeping lines where they are. In SQL it knows quotes; in code it knows comments that begin a line, and blocks.</summary>
internal static class CommentStripper
{
    /// <summary>Blanks out the comments of the language that a file's extension stands for.</summary>
    public static string Strip(string extension, string text) => extension.ToUpperInvariant() switch
    {
        ".SQL" => StripSql(text),
        ".PY" or ".RB" or ".EX" or ".EXS" => StripLines(text, "#"),
        _ => StripLines(text, "//", "/*", "* ", "*/"),
    };

    private static string StripLines(string text, params ReadOnlySpan<string> marks)
    {
        string[] lines = text.Split('\n');
        bool inBlock = false;
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].TrimStart();
            bool starts = false;
            foreach (string mark in marks)
            {
                starts |= line.StartsWith(mark, StringComparison.Ordinal);
            }

            bool comment = inBlock || starts;
            inBlock = marks.Contains("/*") && (inBlock || line.StartsWith("/*", StringComparison.Ordinal)) && !line.Contains("*/", StringComparison.Ordinal);
            if (comment)
            {
                lines[i] = "";
            }
        }

        return string.Join('\n', lines);
    }

    private static string StripSql(string text)
    {
        var result = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length;)
        {
            char next = i + 1 < text.Length ? text[i + 1] : '\0';
            int end = (text[i], next) switch
            {
                ('-', '-') => End(text.IndexOf('\n', i), 0),
                ('/', '*') => EndOfBlock(text, i),
                _ => -1,
            };
            if (end >= 0)
            {
                foreach (char c in text.AsSpan(i, end - i))
                {
                    result.Append(c == '\n' ? '\n' : ' ');
                }

                i = end;
                continue;
            }

            // Quotes are copied whole: "--" inside one begins no comment.
            end = text[i] is '\'' or '"' ? End(text.IndexOf(text[i], i + 1), 1) : i + 1;
            result.Append(text, i, end - i);
            i = end;
        }

        return result.ToString();

        int End(int found, int length) => found < 0 ? text.Length : found + length;
    }

    // Blocks nest in SQL.
    private static int EndOfBlock(string text, int start)
    {
        int depth = 0;
        for (int i = start; i + 1 < text.Length; i++)
        {
            if (text[i] == '/' && text[i + 1] == '*')
            {
                depth++;
                i++;
            }
            else if (text[i] == '*' && text[i + 1] == '/')
            {
                i++;
                if (--depth == 0)
                {
                    return i + 1;
                }
            }
        }

        return text.Length;
    }
}
