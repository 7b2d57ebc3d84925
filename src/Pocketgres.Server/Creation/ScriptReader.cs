using System.Text;

namespace Pocketgres.Server.Creation;

/// <summary>
/// Cuts a script into statements as psql does: at semicolons outside of quotes, dollar quotes, comments, parentheses and the bodies of functions written
/// BEGIN ATOMIC ... END. Reads no more than it needs, so that the data behind COPY ... FROM stdin can be read from the same reader.
/// </summary>
internal sealed class ScriptReader(TextReader reader)
{
    private readonly StringBuilder _statement = new();
    private string _line = "";
    private int _position;
    private bool _ended;

    // Of the statement so far.
    private readonly List<string> _words = []; // the first four
    private string? _lastWord;
    private int _lastWordEnd;
    private int _parentheses, _comments, _bodies;
    private char _quote; // ' or " inside of one
    private bool _escapes; // in a string of the kind E'...'
    private string? _dollar; // the closing tag inside of a dollar quote

    /// <summary>Number of the last line that was read, from 1.</summary>
    public int Line { get; private set; }

    /// <summary>The line on which the statement that <see cref="Next"/> returned begins.</summary>
    public int StatementLine { get; private set; }

    /// <summary>The next statement without its semicolon, or a line that begins with a backslash; null at the end.</summary>
    public string? Next()
    {
        Reset();
        while (true)
        {
            if (_position >= _line.Length && !ReadNextLine())
            {
                return TakeStatement();
            }

            if (_statement.Length == 0)
            {
                SkipSpace();
                if (_position >= _line.Length)
                {
                    continue;
                }

                StatementLine = Line;
                if (_line[_position] == '\\')
                {
                    string command = _line[_position..].Trim();
                    _position = _line.Length;
                    return command;
                }
            }

            if (TakeCharacter() && TakeStatement() is { } statement)
            {
                return statement;
            }
        }
    }

    /// <summary>The next line as it is, for the data of COPY; null at the end.</summary>
    public string? ReadDataLine()
    {
        _position = _line.Length; // what follows a COPY on its own line is no data
        string? line = reader.ReadLine();
        Line += line is null ? 0 : 1;
        return line;
    }

    private void Reset()
    {
        _statement.Clear();
        _words.Clear();
        (_parentheses, _comments, _bodies, _quote, _dollar, _lastWord) = (0, 0, 0, '\0', null, null);
    }

    // Null when there is nothing but space and comments.
    private string? TakeStatement()
    {
        string text = _statement.ToString().Trim();
        Reset();
        return text.Length == 0 ? null : text;
    }

    private bool ReadNextLine()
    {
        if (_ended || reader.ReadLine() is not { } line)
        {
            _ended = true;
            return false;
        }

        Line++;
        _line = line + "\n";
        _position = 0;
        return true;
    }

    private void SkipSpace()
    {
        while (_position < _line.Length && (char.IsWhiteSpace(_line[_position]) || _line[_position] == ';'))
        {
            _position++;
        }

        if (_line.AsSpan(_position).StartsWith("--", StringComparison.Ordinal))
        {
            _position = _line.Length;
        }
    }

    /// <returns>Whether the statement is complete.</returns>
    private bool TakeCharacter()
    {
        char c = _line[_position];
        var rest = _line.AsSpan(_position);
        if (_dollar is not null)
        {
            if (rest.StartsWith(_dollar, StringComparison.Ordinal))
            {
                Take(_dollar.Length);
                _dollar = null;
                return false;
            }
        }
        else if (_quote != '\0')
        {
            if (_escapes && c == '\\' && rest.Length > 1)
            {
                Take(2);
                return false;
            }

            // A doubled quote closes and opens again, which comes to the same.
            _quote = c == _quote ? '\0' : _quote;
        }
        else if (_comments > 0 || rest.StartsWith("/*", StringComparison.Ordinal))
        {
            int change = rest.StartsWith("/*", StringComparison.Ordinal) ? 1 : rest.StartsWith("*/", StringComparison.Ordinal) ? -1 : 0;
            _comments += change;
            Take(change == 0 ? 1 : 2);
            return false;
        }
        else if (rest.StartsWith("--", StringComparison.Ordinal))
        {
            _statement.Append('\n');
            _position = _line.Length;
            return false;
        }
        else
        {
            return TakeCode(c, rest);
        }

        Take(1);
        return false;
    }

    private bool TakeCode(char c, ReadOnlySpan<char> rest)
    {
        if (IsWord(c) && !char.IsAsciiDigit(c))
        {
            int length = 1;
            while (length < rest.Length && (IsWord(rest[length]) || rest[length] == '$'))
            {
                length++;
            }

            TakeWord(rest[..length].ToString());
            return false;
        }

        if (c == '$' && DollarTag(rest) is { } tag)
        {
            _dollar = tag;
            Take(tag.Length);
            return false;
        }

        if (c is '\'' or '"')
        {
            _escapes = c == '\'' && _lastWordEnd == _statement.Length && _lastWord is "E";
            _quote = c;
        }

        _parentheses += c == '(' ? 1 : c == ')' && _parentheses > 0 ? -1 : 0;
        if (c == ';' && _parentheses == 0 && _bodies == 0)
        {
            _position++;
            return true;
        }

        Take(1);
        return false;
    }

    private void TakeWord(string word)
    {
        string upper = word.ToUpperInvariant();
        if (_parentheses == 0 && _words is ["CREATE", "FUNCTION" or "PROCEDURE", ..] or ["CREATE", "OR", "REPLACE", "FUNCTION" or "PROCEDURE"])
        {
            _bodies += upper == "BEGIN" || (upper == "CASE" && _bodies > 0) ? 1 : upper == "END" && _bodies > 0 ? -1 : 0;
        }

        if (_words.Count < 4)
        {
            _words.Add(upper);
        }

        Take(word.Length);
        (_lastWord, _lastWordEnd) = (upper, _statement.Length);
    }

    private void Take(int count)
    {
        _statement.Append(_line, _position, count);
        _position += count;
    }

    private static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_' || c >= 0x80;

    // $$ or $tag$; $1 is a parameter.
    private static string? DollarTag(ReadOnlySpan<char> text)
    {
        for (int i = 1; i < text.Length; i++)
        {
            if (text[i] == '$')
            {
                return text[..(i + 1)].ToString();
            }

            if (!IsWord(text[i]) || (i == 1 && char.IsAsciiDigit(text[i])))
            {
                return null;
            }
        }

        return null;
    }
}
