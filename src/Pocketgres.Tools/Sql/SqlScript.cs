namespace Pocketgres.Sql;

/// <summary>
/// Splits a script into statements by psql's rules: a semicolon ends one unless it is inside quotes, dollar quotes, a comment, parentheses, or the
/// BEGIN ATOMIC body of a function. A backslash outside of all that begins a command of psql, up to the end of its line.
/// </summary>
internal sealed class SqlScript
{
    private const int KeptWords = 12;

    private readonly string _text;
    private readonly Func<string, bool> _takeCommand;
    private readonly List<SqlStatement> _statements = [];
    private List<string> _words = [];
    private int _at;
    private int _start;
    private int _first = -1;
    private int _line = 1;
    private int _counted;
    private int _parentheses;
    private int _bodies;

    private SqlScript(string text, Func<string, bool> takeCommand) => (_text, _takeCommand) = (text, takeCommand);

    /// <summary>Splits a script that is not psql's: of its commands those are skipped that a dump contains without effect here.</summary>
    /// <exception cref="SqlScriptException">A quote or comment has no end, or a command of psql is needed.</exception>
    public static IReadOnlyList<SqlStatement> Split(string text) => Split(text, static command =>
        command.Split(' ', 2)[0] is "\\restrict" or "\\unrestrict" or "\\echo" or "\\qecho" or "\\timing" or "\\pset" or "\\encoding" or "\\set" or "\\."
            && !(command.StartsWith("\\set ", StringComparison.Ordinal) && !command.StartsWith("\\set ON_ERROR_", StringComparison.Ordinal)));

    /// <summary>Splits a script.</summary>
    /// <param name="text">The script.</param>
    /// <param name="takeCommand">Gets a command of psql with its backslash; false when it means something that cannot be done.</param>
    /// <exception cref="SqlScriptException">A quote or comment has no end, or a command was refused.</exception>
    public static IReadOnlyList<SqlStatement> Split(string text, Func<string, bool> takeCommand)
    {
        var script = new SqlScript(text, takeCommand);
        script.Run();
        return script._statements;
    }

    private char Next => _at + 1 < _text.Length ? _text[_at + 1] : '\0';

    private void Run()
    {
        if (_text.StartsWith('\uFEFF'))
        {
            _at = _start = 1;
        }

        while (_at < _text.Length)
        {
            Step(_text[_at]);
        }

        Add();
    }

    private void Step(char c)
    {
        switch (c)
        {
            case '-' when Next == '-':
                SkipTo(_text.IndexOf('\n', _at), 0);
                break;
            case '/' when Next == '*':
                SkipComment();
                break;
            case ';' when _parentheses == 0 && _bodies == 0:
                _at++;
                Add();
                break;
            case '\\':
                TakeCommand();
                break;
            default:
                if (!char.IsWhiteSpace(c))
                {
                    Content(c);
                }
                else
                {
                    _at++;
                }

                break;
        }
    }

    private void Content(char c)
    {
        _first = _first < 0 ? _at : _first;
        switch (c)
        {
            case '\'':
                SkipQuoted('\'', backslash: false);
                break;
            case '"':
                AddWord(SkipQuoted('"', backslash: false));
                break;
            case 'E' or 'e' when Next == '\'':
                _at++;
                SkipQuoted('\'', backslash: true);
                break;
            case 'B' or 'b' or 'X' or 'x' or 'N' or 'n' when Next == '\'':
                _at++;
                SkipQuoted('\'', backslash: false);
                break;
            case '$':
                SkipDollarQuoted();
                break;
            case '(':
                _parentheses++;
                _at++;
                break;
            case ')':
                _parentheses = Math.Max(0, _parentheses - 1);
                _at++;
                break;
            default:
                if (IsWordStart(c))
                {
                    Word();
                }
                else if (char.IsAsciiDigit(c))
                {
                    // "1e'..." does not happen, "$1" is not a quote: a number takes its letters along.
                    SkipWhile(static x => char.IsLetterOrDigit(x) || x is '.' or '_');
                }
                else
                {
                    _at++;
                }

                break;
        }
    }

    private void Word()
    {
        int start = _at;
        SkipWhile(static x => IsWordStart(x) || char.IsAsciiDigit(x) || x == '$');
        string word = _text[start.._at].ToUpperInvariant();
        bool isRoutine = IsRoutine();
        AddWord(word);
        if (!isRoutine || _parentheses > 0)
        {
            return;
        }

        // BEGIN ATOMIC ... END: the CASE ... END inside has an END of its own.
        if (word == "BEGIN" || (word == "CASE" && _bodies > 0))
        {
            _bodies++;
        }
        else if (word == "END" && _bodies > 0)
        {
            _bodies--;
        }
    }

    private bool IsRoutine() => _words is ["CREATE", "FUNCTION" or "PROCEDURE", ..] or ["CREATE", "OR", "REPLACE", "FUNCTION" or "PROCEDURE", ..];

    private void AddWord(string word)
    {
        if (_words.Count < KeptWords)
        {
            _words.Add(word);
        }
    }

    private void Add()
    {
        if (_first >= 0)
        {
            int end = _text[_at - 1] == ';' && _parentheses == 0 && _bodies == 0 ? _at - 1 : _at;
            int line = LineAt(_first);
            string text = _text[_start..end].Trim();
            bool isCopy = _words is ["COPY", ..] && _words.Zip(_words.Skip(1)).Any(p => p is ("FROM", "STDIN"));
            _statements.Add(new SqlStatement(text, line, _words, isCopy ? TakeCopyData() : null));
        }

        _start = _at;
        _first = -1;
        _words = [];
        _parentheses = _bodies = 0;
    }

    // The lines after the one of the COPY, up to "\." on a line of its own.
    private string TakeCopyData()
    {
        int start = _text.IndexOf('\n', _at) + 1;
        if (start == 0)
        {
            _at = _text.Length;
            return "";
        }

        for (int at = start; at < _text.Length;)
        {
            int end = _text.IndexOf('\n', at);
            end = end < 0 ? _text.Length : end;
            if (_text.AsSpan(at, end - at).TrimEnd('\r').SequenceEqual("\\."))
            {
                _at = end;
                return _text[start..at];
            }

            at = end + 1;
        }

        _at = _text.Length;
        return _text[start..];
    }

    private void TakeCommand()
    {
        int start = _at;
        SkipTo(_text.IndexOf('\n', _at), 0);
        string command = _text[start.._at].Trim();
        if (_first >= 0 || !_takeCommand(command))
        {
            throw new SqlScriptException(LineAt(start), $"{command.Split(' ')[0]} is a command of psql that cannot be done here: run the script with psql, or take it out");
        }

        _start = _at;
    }

    private void SkipComment()
    {
        int start = _at, depth = 0;
        for (; _at + 1 < _text.Length; _at++)
        {
            if (_text[_at] == '/' && _text[_at + 1] == '*')
            {
                depth++;
                _at++;
            }
            else if (_text[_at] == '*' && _text[_at + 1] == '/')
            {
                _at++;
                if (--depth == 0)
                {
                    _at++;
                    return;
                }
            }
        }

        throw new SqlScriptException(LineAt(start), "a comment /* has no end");
    }

    private string SkipQuoted(char quote, bool backslash)
    {
        int start = _at;
        for (_at++; _at < _text.Length; _at++)
        {
            if (backslash && _text[_at] == '\\')
            {
                _at++;
            }
            else if (_text[_at] == quote)
            {
                if (Next != quote)
                {
                    _at++;
                    return _text[(start + 1)..(_at - 1)];
                }

                _at++;
            }
        }

        throw new SqlScriptException(LineAt(start), $"a quote {quote} has no end");
    }

    private void SkipDollarQuoted()
    {
        int start = _at, end = _at + 1;
        while (end < _text.Length && (IsWordStart(_text[end]) || (end > _at + 1 && char.IsAsciiDigit(_text[end]))))
        {
            end++;
        }

        if (end >= _text.Length || _text[end] != '$')
        {
            _at++; // a parameter, $1
            return;
        }

        string tag = _text[_at..(end + 1)];
        int close = _text.IndexOf(tag, end + 1, StringComparison.Ordinal);
        if (close < 0)
        {
            throw new SqlScriptException(LineAt(start), $"a quote {tag} has no end");
        }

        _at = close + tag.Length;
    }

    private void SkipTo(int found, int length) => _at = found < 0 ? _text.Length : found + length;

    private void SkipWhile(Func<char, bool> test)
    {
        while (_at < _text.Length && test(_text[_at]))
        {
            _at++;
        }
    }

    // Called with places that only grow, but for an exception's.
    private int LineAt(int place)
    {
        if (place < _counted)
        {
            return _text.AsSpan(0, place).Count('\n') + 1;
        }

        _line += _text.AsSpan(_counted, place - _counted).Count('\n');
        _counted = place;
        return _line;
    }

    private static bool IsWordStart(char c) => char.IsAsciiLetter(c) || c == '_' || c >= 0x80;
}
