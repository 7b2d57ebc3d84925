using System.Globalization;
using System.Text.RegularExpressions;

namespace Pocketgres.Bench.InProcess;

/// <summary>
/// What <c>\set</c> computes. Values are <c>int</c>, the type of the columns that the scripts compare them with; what does not fit is an
/// <see cref="OverflowException"/>.
/// </summary>
internal delegate int Expression(Dictionary<string, int> variables);

/// <summary>Reads expressions of integers, variables, + - *, parentheses and random(LOW, HIGH), both inclusive.</summary>
internal sealed partial class ExpressionParser
{
    private readonly Queue<string> _tokens;

    private ExpressionParser(string text) => _tokens = new Queue<string>(Token().Matches(text).Select(m => m.Value));

    /// <exception cref="FormatException">It is no such expression.</exception>
    public static Expression Parse(string text)
    {
        var parser = new ExpressionParser(text);
        var result = parser.Sum();
        return parser._tokens.Count == 0 ? result : throw new FormatException($"{text}: {parser._tokens.Peek()} is not expected there");
    }

    private Expression Sum()
    {
        var left = Product();
        while (Next is "+" or "-")
        {
            bool adds = _tokens.Dequeue() == "+";
            var (a, b) = (left, Product());
            left = adds ? v => checked(a(v) + b(v)) : v => checked(a(v) - b(v));
        }

        return left;
    }

    private Expression Product()
    {
        var left = Term();
        while (Next == "*")
        {
            _tokens.Dequeue();
            var (a, b) = (left, Term());
            left = v => checked(a(v) * b(v));
        }

        return left;
    }

    private Expression Term()
    {
        string token = Take(Next);
        switch (token)
        {
            case "-":
                var negated = Term();
                return v => checked(-negated(v));
            case "(":
                var inner = Sum();
                Take(")");
                return inner;
            case "random":
                Take("(");
                var low = Sum();
                Take(",");
                var high = Sum();
                Take(")");
                return v => (int)Random.Shared.NextInt64(low(v), high(v) + 1L);
            case [':', .. var name]:
                return v => v[name];
            default:
                int number = int.Parse(token, CultureInfo.InvariantCulture);
                return _ => number;
        }
    }

    private string? Next => _tokens.TryPeek(out string? token) ? token : null;

    private string Take(string? expected) =>
        expected is not null && Next == expected ? _tokens.Dequeue() : throw new FormatException($"{Next ?? "the end"} where {expected ?? "a value"} is expected");

    [GeneratedRegex(@":\w+|\w+|\S")]
    private static partial Regex Token();
}
