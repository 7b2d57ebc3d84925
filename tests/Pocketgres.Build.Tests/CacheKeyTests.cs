using Pocketgres.Build.Publishing;

namespace Pocketgres.Build.Tests;

public class CacheKeyTests
{
    [Fact]
    public void Equal_inputs_give_equal_keys()
    {
        Assert.Equal(new CacheKey().Add("a", "1").Add("b", "2").Value, new CacheKey().Add("a", "1").Add("b", "2").Value);
    }

    [Fact]
    public void Every_part_counts_and_so_does_where_it_ends()
    {
        string[] keys =
        [
            new CacheKey().Value,
            new CacheKey().Add("a", "1").Value,
            new CacheKey().Add("a", "2").Value,
            new CacheKey().Add("b", "1").Value,
            new CacheKey().Add("a", "1").Add("b", "2").Value,
            new CacheKey().Add("a", "1b2").Value,
            new CacheKey().Add("a", "").Add("1", "b2").Value,
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }

    [Fact]
    public void A_file_counts_by_its_content_not_by_its_place()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["one"], "same");
        File.WriteAllText(directory["two"], "same");
        string key = new CacheKey().AddFile("f", directory["one"]).Value;
        Assert.Equal(key, new CacheKey().AddFile("f", directory["two"]).Value);
        File.WriteAllText(directory["two"], "other");
        Assert.NotEqual(key, new CacheKey().AddFile("f", directory["two"]).Value);
    }
}
