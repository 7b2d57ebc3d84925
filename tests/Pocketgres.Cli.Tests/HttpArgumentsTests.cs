using Pocketgres.Cli.Serve;

namespace Pocketgres.Cli.Tests;

public class HttpArgumentsTests
{
    [Theory]
    [InlineData("9187", "127.0.0.1:9187")]
    [InlineData("0", "127.0.0.1:0")]
    [InlineData("localhost:80", "127.0.0.1:80")]
    [InlineData("0.0.0.0:9187", "0.0.0.0:9187")]
    [InlineData("[::1]:9187", "[::1]:9187")]
    public void A_port_or_an_address_with_one(string text, string expected) => Assert.Equal(expected, new HttpArguments { Address = text }.Read()!.EndPoint.ToString());

    [Theory]
    [InlineData("")]
    [InlineData("65536")]
    [InlineData("-1")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("::1")]
    [InlineData("db.example:80")]
    public void Nothing_else(string text) => Assert.Contains("--http takes a port", Assert.Throws<UsageException>(() => new HttpArguments { Address = text }.Read()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0123456789abcdef\n", true)]
    [InlineData("0123456789abcde\n", false)]
    [InlineData("0123456789 abcdef", false)]
    [InlineData("0123456789abcdef\nanother line that is long", false)]
    [InlineData("0123456789abcdeä", false)]
    public void A_token_is_one_line_of_sixteen_characters(string content, bool isToken)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, content);
            var arguments = new HttpArguments { Address = "0", TokenFile = file };
            if (isToken)
            {
                Assert.Equal("0123456789abcdef", arguments.Read()!.Token);
            }
            else
            {
                Assert.Contains("a token has one line", Assert.Throws<UsageException>(arguments.Read).Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(file);
        }
    }
}
