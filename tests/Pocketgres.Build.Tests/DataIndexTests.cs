using Pocketgres.Build.Package;

namespace Pocketgres.Build.Tests;

public class DataIndexTests
{
    private const string Script =
        """x;loadPackage({files:[{filename:"/pglite/a",start:0,end:3},{filename:"/pglite/lib/b.so",start:3,end:3},{"filename":"/c d","start":3,"end":10}],remote_package_size:10})""";

    [Fact]
    public void Reads_every_entry_in_order()
    {
        Assert.Equal(
            [new DataIndex.Entry("/pglite/a", 0, 3), new DataIndex.Entry("/pglite/lib/b.so", 3, 3), new DataIndex.Entry("/c d", 3, 10)],
            DataIndex.Parse(Script, 10));
    }

    [Theory]
    [InlineData("no list here", 0, "no list")]
    [InlineData("""{filename:"/a",start:0,end:3},{filename:"/b",start:4,end:5}""", 5, "/b")]
    [InlineData("""{filename:"/a",start:0,end:3},{filename:"/b",start:3,end:2}""", 2, "/b")]
    [InlineData("""{filename:"a",start:0,end:3}""", 3, "damaged at a")]
    [InlineData("""{filename:"/a",start:0,end:3}""", 4, "ends at 3")]
    public void Refuses_a_list_that_does_not_fit(string script, long length, string expected)
    {
        var e = Assert.Throws<BuildException>(() => DataIndex.Parse(script, length));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }
}
