using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

public class PostgresUrlTests
{
    private static readonly Dictionary<string, string?> s_environment = new() { ["HOME"] = "/home/ann" };

    [Theory]
    [InlineData("memory:")]
    [InlineData("MEMORY:")]
    public void Memory_has_no_directory(string text)
    {
        var url = Parse(text);
        Assert.True(url.IsMemory);
        Assert.Null(url.DataDirectory);
        Assert.Equal("memory:", url.ToString());
    }

    [Theory]
    [InlineData("file:/srv/data", "/srv/data")]
    [InlineData("FILE:/srv/data/", "/srv/data")]
    [InlineData("file:/srv/../data", "/data")]
    [InlineData("file:///srv/my%20data", "/srv/my data")]
    [InlineData("file:/srv/my%20data", "/srv/my%20data")]
    [InlineData("file:/srv/a:b", "/srv/a:b")]
    [InlineData("file:~", "/home/ann")]
    [InlineData("file:~/pg/data", "/home/ann/pg/data")]
    public void A_directory_is_absolute(string text, string expected) => Assert.Equal(expected, Parse(text).DataDirectory);

    [Theory]
    [InlineData("file:./data", "data")]
    [InlineData("file:data", "data")]
    [InlineData("file:a/../b", "b")]
    [InlineData("file:~ann", "~ann")]
    public void A_relative_path_counts_from_the_current_directory(string text, string expected) =>
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, expected), Parse(text).DataDirectory);

    [Theory]
    [InlineData("/data/home", "/home/ann", "/data/home/pocketgres/default")]
    [InlineData(null, "/home/ann", "/home/ann/.local/share/pocketgres/default")]
    [InlineData("", "/home/ann", "/home/ann/.local/share/pocketgres/default")]
    [InlineData("relative/is/ignored", "/home/ann", "/home/ann/.local/share/pocketgres/default")]
    [InlineData("/data/home", null, "/data/home/pocketgres/default")]
    public void File_alone_is_the_users_data_folder(string? dataHome, string? home, string expected)
    {
        var environment = new Dictionary<string, string?> { ["XDG_DATA_HOME"] = dataHome, ["HOME"] = home };
        Assert.True(PostgresUrl.TryParse("file:", environment.GetValueOrDefault, out var url, out string? error), error);
        Assert.Equal(expected, url.DataDirectory);
    }

    [Theory]
    [InlineData("file:", "XDG_DATA_HOME")]
    [InlineData("file:~/data", "HOME")]
    public void Without_a_home_the_variable_is_named(string text, string variable)
    {
        Assert.False(PostgresUrl.TryParse(text, _ => null, out var url, out string? error));
        Assert.Null(url);
        Assert.Contains(variable, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file:///x%zz", "\"%zz\"")]
    [InlineData("file:///x/50%", "%25")]
    [InlineData("file:///x%0", "\"%0\"")]
    [InlineData("file:///x%00y", "zero character")]
    [InlineData("data", "file:./data")]
    [InlineData("./data", "file:./data")]
    [InlineData("/srv/data", "file:/srv/data")]
    [InlineData("/srv/a:b", "file:/srv/a:b")]
    [InlineData("C:\\data", "file:C:\\data")]
    [InlineData("memory", "memory:")]
    [InlineData("file", "file:")]
    [InlineData("", "memory:")]
    [InlineData("s3://bucket", "a prefix of its own")]
    [InlineData("postgres://host/db", "memory:, file:")]
    [InlineData("postgresql://host/db", "memory:, file:")]
    [InlineData("redis://host", "unknown scheme \"redis:\"")]
    [InlineData("memory:name", "nothing may follow memory:")]
    [InlineData("file://host/data", "names another host")]
    [InlineData("file:data?fsync=off", "-c name=value")]
    public void What_cannot_be_served_is_refused_in_one_line_with_a_hint(string text, string hint)
    {
        Assert.False(PostgresUrl.TryParse(text, s_environment.GetValueOrDefault, out var url, out string? error));
        Assert.Null(url);
        Assert.Contains(hint, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
        Assert.Equal(error, Assert.Throws<FormatException>(() => PostgresUrl.Parse(text)).Message);
    }

    private static PostgresUrl Parse(string text)
    {
        Assert.True(PostgresUrl.TryParse(text, s_environment.GetValueOrDefault, out var url, out string? error), error);
        return url;
    }
}
