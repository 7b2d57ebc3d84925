using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Encodings;

/// <summary>How languages sort: ICU's tailorings, compared with native PostgreSQL 18.</summary>
public class CollationTests(EncodingFixture fixture) : IClassFixture<EncodingFixture>
{
    const string Words = """
        a A ä Ä ae az b B Bär Bar c č ch cz ci d đ e é è ê f h hy i ı İ I j k l ll lz lj m n ñ nz ny o ö ø oe oz p r ř s ß ss š sz t u ü ue uz v w x y z ž zz å æ aa
        cote coté côte côté item2 item10 item1 Item1
        あ ア い か が カ ガ は ば ぱ 日本 東京 大阪 中 文 一 丁 八 阿 啊 北京 上海 가 나 다 學 学 ㄱ
        Ж ж Ё ё Е е І і Ї α ά β Ω ω א ב ا ب ت ک گ ی
        """;

    public static TheoryData<string> Locales =>
    [
        "und", "de", "de-AT", "de-u-co-phonebk", "sv", "da", "nb", "fi", "is", "es", "es-u-co-trad", "fr", "fr-CA", "cs", "sk", "pl", "hr", "hu", "lt", "lv", "et",
        "tr", "az", "ru", "uk", "el", "he", "ar", "fa", "ja", "ko", "zh", "zh-u-co-stroke", "zh-u-co-zhuyin", "zh-Hant", "vi", "th", "hi", "cy", "sq",
        "en-u-kn", "en-u-ks-level1", "en-u-kf-upper", "en-u-ka-shifted", "de-u-kn-kf-upper",
    ];

    [Theory]
    [MemberData(nameof(Locales))]
    public async Task Sorts_as_native(string locale)
    {
        string collation = "\"sort " + locale + "\"";
        string sorted = $"select string_agg(w, ' ' order by w collate {collation}, w collate \"C\") from unnest($1) w";
        string equal = $"select count(*) from unnest($1) a, unnest($1) b where a < b collate {collation}";
        string[] words = Words.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(await ResultAsync(fixture.Native), await ResultAsync(fixture.Server));

        async Task<string> ResultAsync(TestServer server)
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            List<string> notices = [];
            session.Notice += (_, e) => notices.Add(e.Notice.MessageText);
            await session.ExecuteAsync($"create collation {collation} (provider = icu, locale = '{locale}', deterministic = false)");
            string result = await session.ScalarAsync<string>(sorted, [words]) + "\n" + await session.ScalarAsync<long>(equal, [words]) + string.Concat(notices);
            await session.ExecuteAsync($"drop collation {collation}");
            return result;
        }
    }

    [Fact]
    public async Task The_predefined_ones_are_there()
    {
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        const string Sorted = "select string_agg(w, ' ' order by w collate \"{0}\") from unnest(array['Öl', 'zum', 'Zug']) w";
        Assert.Equal("Öl Zug zum", await session.ScalarAsync<string>(Sorted.Replace("{0}", "de-DE-x-icu", StringComparison.Ordinal)));
        Assert.Equal("Zug zum Öl", await session.ScalarAsync<string>(Sorted.Replace("{0}", "sv-SE-x-icu", StringComparison.Ordinal)));
        await using NpgsqlConnection reference = await fixture.Native.OpenAsync();
        List<string> native = await reference.ColumnAsync<string>("select collname from pg_collation where collprovider = 'i'");
        List<string> own = await session.ColumnAsync<string>("select collname from pg_collation where collprovider = 'i'");

        // Native's ICU may be another version, which knows a few locales more or less.
        Assert.True(own.Count > 800, $"{own.Count} of native's {native.Count}");
        Assert.Empty(((string[])["de-x-icu", "de-DE-x-icu", "sv-x-icu", "ja-JP-x-icu", "zh-Hans-CN-x-icu", "en-US-x-icu", "unicode"]).Except(own));
    }

    [Theory]
    [InlineData("en-x-icu")]
    [InlineData("de-x-icu")]
    [InlineData("tr-x-icu")]
    [InlineData("el-x-icu")]
    [InlineData("nl-x-icu")]
    [InlineData("fi-x-icu")]
    public async Task Changes_case_as_native(string collation)
    {
        const string Text = "hello WORLD; straße o'neill's ΟΔΥΣΣΕΥΣ ijsland ıI iİ well-known 3rd a.b.c ǆ ﬁsh 日本 one_two";
        Assert.Equal(await ResultAsync(fixture.Native), await ResultAsync(fixture.Server));

        async Task<string> ResultAsync(TestServer server)
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            return await session.ScalarAsync<string>(
                $"select concat_ws(e'\n', initcap($1 collate \"{collation}\"), upper($1 collate \"{collation}\"), lower($1 collate \"{collation}\"), casefold($1 collate \"{collation}\"))", Text);
        }
    }
}
