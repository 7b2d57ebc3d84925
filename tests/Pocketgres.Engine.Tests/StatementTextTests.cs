using System.Text;
using Pocketgres.Engine.Statements;

namespace Pocketgres.Engine.Tests;

/// <summary>What of a statement's text is taken for a literal, and what is not: the lexer's rules.</summary>
public class StatementTextTests
{
    [Theory]
    [InlineData("select 1", "select #", "1")]
    [InlineData("select 1+2, 30", "select #+#, #", "1 2 30")]
    [InlineData("select 007", "select #", "007")]
    [InlineData("select -5, a-5, a - 5", "select -#, a-#, a - #", "5 5 5")]
    [InlineData("select 2147483647, 2147483648, 2147483649", "select #, 2147483648, ##", "2147483647 2147483649")]
    [InlineData("select 9223372036854775807, 9223372036854775808, 99999999999999999999", "select ##, 9223372036854775808, 99999999999999999999", "9223372036854775807")]
    [InlineData("select 1.5, .5, 5., 1e5, 1e-5, 1..2", "select 1.5, .5, 5., 1e5, 1e-#, 1..2", "5")]
    [InlineData("select 0x1F, 1_000, 0b1, 12abc", "select 0x1F, 1_000, 0b1, 12abc", "")]
    [InlineData("select t1.c2, \"a 1 'x'\", \"\"\"1\"", "select t1.c2, \"a 1 'x'\", \"\"\"1\"", "")]
    [InlineData("select $1, $12", "select $1, $12", "")]
    [InlineData("select 'a', 'it''s', '', ''''", "select ###, ###, ###, ###", "'a' 'it''s' '' ''''")]
    [InlineData("select é1, 'é'", "select é1, ###", "'é'")]
    [InlineData("select 1 ;\n", "select # ;\n", "1")]
    public void Literals(string text, string form, string literals)
    {
        var read = new StatementText();
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Assert.True(read.Read(bytes, "\0rest"u8));
        string expected = form.Replace("###", "\u0003", StringComparison.Ordinal).Replace("##", "\u0002", StringComparison.Ordinal).Replace('#', '\u0001');
        Assert.Equal(expected + "\0rest", Encoding.UTF8.GetString(read.Form));
        Assert.Equal(literals, string.Join(' ', read.Literals.Select(l => Encoding.UTF8.GetString(bytes, l.Offset, l.Length))));
    }

    [Theory]
    [InlineData("select E'a'")]
    [InlineData("select n'a', 1")]
    [InlineData("select U&'a'")]
    [InlineData("select B'1', X'1'")]
    [InlineData("select $$a$$, 1")]
    [InlineData("select $a$1$a$")]
    [InlineData("select 'a' 'b'")]
    [InlineData("select 'a'\n'b'")]
    [InlineData("select 'a\\'")]
    [InlineData("select 'a")]
    [InlineData("select \"a")]
    [InlineData("select 1 -- 2")]
    [InlineData("select /* 2 */ 1")]
    [InlineData("select 1; select 2")]
    [InlineData("select 1;;")]
    [InlineData("select \u0001")]
    public void TextsWithoutAForm(string text) => Assert.False(new StatementText().Read(Encoding.UTF8.GetBytes(text), default));

    [Fact]
    public void TheValueAndWhereItsSignMayBe()
    {
        var read = new StatementText();
        Assert.True(read.Read("select 42, - 3000000000, 'x'"u8, default));
        Assert.Equal(
            [
                new Literal(LiteralKind.Integer, 7, 2, 42, -1),
                new Literal(LiteralKind.BigInteger, 13, 10, 3000000000, 11),
                new Literal(LiteralKind.Quoted, 25, 3, 0, -1),
            ],
            read.Literals);
        Assert.True(read.Read("select (-(1))"u8, default)); // the sign is none of the number's
        Assert.Equal(-1, Assert.Single(read.Literals).Minus);
    }

    [Fact]
    public void MoreLiteralsThanAreWorthIt() => Assert.False(new StatementText().Read(Encoding.UTF8.GetBytes("select 1" + string.Concat(Enumerable.Repeat(",1", 2000))), default));
}
