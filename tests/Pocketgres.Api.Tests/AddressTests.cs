using Pocketgres.Connections;
using Pocketgres.Server;

namespace Pocketgres.Api.Tests;

/// <summary>URLs and options, right and wrong ones.</summary>
public sealed class AddressTests
{
    [Theory]
    [InlineData("postgres://u:p%40ss@db.example:6000/app", "db.example", 6000, "u", "p@ss", "app")]
    [InlineData("postgresql://localhost", "localhost", 5432, null, null, null)]
    [InlineData("postgres://u@[::1]:5433/d", "::1", 5433, "u", null, "d")]
    [InlineData("postgres://u@/d?host=/run/pg&port=7", "/run/pg", 7, "u", null, "d")]
    [InlineData("postgres://?user=x&password=y&dbname=z&host=h", "h", 5432, "x", "y", "z")]
    public void Libpq_uris_are_understood(string url, string host, int port, string? user, string? password, string? database)
    {
        var builder = DatabaseAddress.Parse(url).External!;
        Assert.Equal((host, port, user, password, database), (builder.Host, builder.Port, builder.Username, builder.Password, builder.Database));
    }

    [Fact]
    public void Parameters_and_several_hosts_are_understood()
    {
        var builder = ConnectionUri.Parse("postgres://a:1,b:2/d?sslmode=verify-full&application_name=x%20y&connect_timeout=3&target_session_attrs=read-write");
        Assert.Equal("a:1,b:2", builder.Host);
        Assert.Equal(SslMode.VerifyFull, builder.SslMode);
        Assert.Equal("x y", builder.ApplicationName);
        Assert.Equal(3, builder.Timeout);
        Assert.Equal("read-write", builder.TargetSessionAttributes);
    }

    [Fact]
    public void A_connection_string_is_an_address_too()
    {
        var builder = DatabaseAddress.Parse("Host=db;Username=u;Password=secret;Database=d").External!;
        Assert.Equal("db", builder.Host);
    }

    [Fact]
    public async Task A_name_that_postgres_would_cut_is_refused()
    {
        foreach (string name in (string[])[new('x', 64), new('ü', 32), "a\0b"])
        {
            var e = await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", Database = name }));
            Assert.Equal(PocketgresError.InvalidOption, e.Error);
            Assert.Contains("at most 63 bytes", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "Url is empty")]
    [InlineData("memory", "write memory: with a colon")]
    [InlineData("./data", "write file:./data")]
    [InlineData("mysql://x", "unknown scheme")]
    [InlineData("postgres:x", "must follow //")]
    [InlineData("postgres://h:port/d", "\"port\" is not a port number")]
    [InlineData("postgres://h/d?nonsense=1", "\"nonsense\" is not known")]
    [InlineData("postgres://h/d?sslmode=maybe", "no value for the parameter \"sslmode\"")]
    [InlineData("Host=x;Nonsense=y", "connection string cannot be used")]
    public async Task A_bad_url_is_explained_in_one_line(string url, string expected)
    {
        var e = await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync(url));
        Assert.Equal(PocketgresError.InvalidOption, e.Error);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public async Task Bad_options_are_explained()
    {
        await Explains(new PostgresInstanceOptions { Port = 70000 }, "no port number");
        await Explains(new PostgresInstanceOptions { ListenAddress = "localhost" }, "no IP address");
        await Explains(new PostgresInstanceOptions { Database = " " }, "Database is empty");
        await Explains(new PostgresInstanceOptions { StopTimeout = TimeSpan.Zero }, "StopTimeout must be positive");
        await Explains(new PostgresInstanceOptions { Settings = { ["Port"] = "1" } }, "the setting Port is this library's");

        static async Task Explains(PostgresInstanceOptions options, string expected) =>
            Assert.Contains(expected, (await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync(options))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_explained_without_the_password()
    {
        var e = await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync("postgres://u:topsecret@127.0.0.1:1/d"));
        Assert.Equal(PocketgresError.ServerUnavailable, e.Error);
        Assert.DoesNotContain("topsecret", e.Message, StringComparison.Ordinal);
        Assert.Contains("check the URL", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_of_somebody_else_is_refused()
    {
        using var directory = new Support.TemporaryDirectory();
        await File.WriteAllTextAsync(directory.Below("letter.txt"), "private");
        var e = await Assert.ThrowsAsync<PocketgresException>(() => PostgresInstance.StartAsync("file:" + directory.Path));
        Assert.Equal(PocketgresError.DirectoryUnusable, e.Error);
        Assert.Contains("choose an empty", e.Message, StringComparison.Ordinal);
    }
}
