using System.Text;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Encodings;

/// <summary>A driver that speaks another encoding than the database's.</summary>
public class ClientEncodingTests(EncodingFixture fixture) : IClassFixture<EncodingFixture>
{
    static ClientEncodingTests() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    [Theory]
    [InlineData("LATIN1", "iso-8859-1", "déjà vu ÿ")]
    [InlineData("WIN1252", "windows-1252", "“€ 5” – déjà")]
    [InlineData("SJIS", "shift_jis", "日本語 ｶﾀｶﾅ ソ表")]
    [InlineData("EUC_JP", "euc-jp", "日本語のテキスト")]
    [InlineData("BIG5", "big5", "中文測試功")]
    [InlineData("GB18030", "gb18030", "中文测试 é €")]
    public async Task Text_goes_in_and_comes_back(string encoding, string dotnetName, string text)
    {
        string connectionString = new NpgsqlConnectionStringBuilder(fixture.Server.ConnectionString())
        {
            ClientEncoding = encoding,
            Encoding = dotnetName,
        }.ConnectionString;
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        Assert.Equal(encoding, await connection.ScalarAsync<string>("show client_encoding"));
        // As a parameter, in the statement's own text, and what the server then has.
        Assert.Equal(text, await connection.ScalarAsync<string>("select $1::text", text));
        Assert.Equal(text, await connection.ScalarAsync<string>($"select '{text}'"));
        Assert.Equal(Encoding.UTF8.GetBytes(text), await connection.ScalarAsync<byte[]>("select convert_to($1, 'UTF8')", text));
        // An error of the conversion leaves the session usable.
        if (encoding == "LATIN1")
        {
            PostgresException e = await connection.ScalarAsync<string>(@"select U&'\3042'").FailsAsync("22P05");
            Assert.Equal("character with byte sequence 0xe3 0x81 0x82 in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"", e.MessageText);
        }

        Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
    }
}
