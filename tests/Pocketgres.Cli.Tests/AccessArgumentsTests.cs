using Pocketgres.Cli.Serve;
using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

public class AccessArgumentsTests
{
    [Fact]
    public void The_names_of_the_container_image()
    {
        var server = Read(new() { ["POSTGRES_USER"] = "app", ["POSTGRES_PASSWORD"] = "geheim", ["PGDATA"] = "/srv/pg", ["POSTGRES_INITDB_ARGS"] = " --locale=C  -E LATIN1 " });
        Assert.Equal(("app", "geheim", "app", "/srv/pg"), (server.User, server.Password, server.Database, server.Url.DataDirectory));
        Assert.Equal(("scram-sha-256", "scram-sha-256"), (server.Setup!.LocalMethod, server.Setup.HostMethod));
        Assert.Equal(["--locale=C", "-E", "LATIN1"], server.Setup.InitdbArguments);
        Assert.Equal("shop", Read(new() { ["POSTGRES_USER"] = "app", ["POSTGRES_DB"] = "shop" }).Database);
    }

    [Fact]
    public void Options_win_over_the_environment()
    {
        string directory = Path.GetTempPath().TrimEnd('/'), file = Path.GetTempFileName();
        File.WriteAllText(file, "from the file\n");
        var server = Read(new() { ["POSTGRES_PASSWORD"] = "other", ["POSTGRES_DB"] = "other", ["PGDATA"] = "/other", ["POSTGRES_HOST_AUTH_METHOD"] = "md5" },
            "memory:", "--password-file", file, "--database", "shop", "--auth", "trust", "--init", directory);
        File.Delete(file);
        Assert.Equal(("from the file", "shop", true), (server.Password, server.Database, server.Url.IsMemory));
        Assert.Equal(("trust", "md5", directory), (server.Setup!.LocalMethod, server.Setup.HostMethod, server.Setup.InitDirectory));
    }

    [Fact]
    public void An_empty_environment_changes_nothing()
    {
        var server = Read(new() { ["POSTGRES_PASSWORD"] = "", ["POSTGRES_USER"] = "", ["PGDATA"] = "" }, "memory:");
        Assert.Null(server.Setup);
        Assert.Equal(("postgres", "postgres"), (server.User, server.Database));
    }

    [Theory]
    [InlineData("both set", "POSTGRES_PASSWORD=a", "POSTGRES_PASSWORD_FILE=/b")]
    [InlineData("POSTGRES_PASSWORD_FILE: Could not find", "POSTGRES_PASSWORD_FILE=/no/such/file")]
    [InlineData("begin with pg_", "POSTGRES_USER=pg_me")]
    [InlineData("1 to 63 bytes, not 64", "POSTGRES_USER=1234567890123456789012345678901234567890123456789012345678901234")]
    [InlineData("use one of trust", "POSTGRES_HOST_AUTH_METHOD=ldap")]
    [InlineData("use POSTGRES_USER instead", "POSTGRES_INITDB_ARGS=--username=x")]
    public void Variables_that_make_no_sense(string expected, params string[] variables)
    {
        var environment = variables.Select(v => v.Split('=', 2)).ToDictionary(v => v[0], v => v[1]);
        string message = Assert.Throws<UsageException>(() => Read(environment, "memory:")).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("needs a password", "--auth", "scram")]
    [InlineData("scram, trust, peer, not \"md5\"", "--auth", "md5")]
    [InlineData("--password-file: Could not find", "--password-file", "/no/such/file")]
    [InlineData("1 to 1024 bytes", "--password-file", "/dev/null")]
    [InlineData("is no directory", "--init", "/no/such/directory")]
    public void Options_that_make_no_sense(string expected, params string[] options) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => Read([], ["memory:", .. options])).Message, StringComparison.Ordinal);

    private static ServerOptions Read(Dictionary<string, string> environment, params string[] args) =>
        ServeArguments.ReadPlain(["serve", .. args])!.ToSettings(name => environment.GetValueOrDefault(name)).Server;
}
