using System.Net;
using Microsoft.Extensions.Logging;
using Pocketgres.Cli.Serve;

namespace Pocketgres.Cli.Tests;

public class CommandLineTests
{
    [Fact]
    public void Defaults()
    {
        var settings = Read("serve", "memory:");
        Assert.True(settings.Server.Url.IsMemory);
        Assert.Equal(IPAddress.Loopback, settings.Server.ListenAddress);
        Assert.Equal(5432, settings.Server.Port);
        Assert.Null(settings.Server.UnixSocketDirectory);
        Assert.Equal("postgres", settings.Server.Database);
        Assert.Empty(settings.Server.Settings);
        Assert.Null(settings.ParentPid);
        Assert.Equal(LogLevel.Information, settings.LogLevel);
        Assert.Null(settings.Server.Setup);
    }

    [Fact]
    public void Without_a_url_the_users_data_folder_is_served() =>
        Assert.Equal(Server.PostgresUrl.Parse("file:"), Read("serve").Server.Url);

    [Fact]
    public void Options_may_stand_before_and_after_the_url()
    {
        var settings = Read("serve", "--port=0", "file:/srv/data", "--database", "shop", "--parent-pid", "17", "--unix-socket-dir", "/run/pg/", "--log-level", "quiet");
        Assert.Equal("/srv/data", settings.Server.Url.DataDirectory);
        Assert.Equal(0, settings.Server.Port);
        Assert.Equal("shop", settings.Server.Database);
        Assert.Equal(17, settings.ParentPid);
        Assert.Equal("/run/pg/", settings.Server.UnixSocketDirectory);
        Assert.Equal(LogLevel.None, settings.LogLevel);
    }

    [Fact]
    public void Settings_are_repeatable_keep_what_follows_the_first_equals_sign_and_the_last_one_wins()
    {
        var settings = Read("serve", "-c", "work_mem=7MB", "--set", "search_path=a, b", "memory:", "-c", "app.filter=x=y", "-c", "WORK_MEM=8MB", "-c", "empty=");
        Assert.Equal(
            new Dictionary<string, string> { ["work_mem"] = "8MB", ["search_path"] = "a, b", ["app.filter"] = "x=y", ["empty"] = "" },
            settings.Server.Settings);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("localhost", "127.0.0.1")]
    [InlineData("::1", "::1")]
    [InlineData("0.0.0.0", "0.0.0.0")]
    [InlineData("192.0.2.7", "192.0.2.7")]
    public void Addresses(string host, string expected)
    {
        var settings = Read("serve", "memory:", "--host", host);
        Assert.Equal(IPAddress.Parse(expected), settings.Server.ListenAddress);
    }

    [Fact]
    public void No_tcp_leaves_the_unix_socket()
    {
        var settings = Read("serve", "memory:", "--no-tcp", "--unix-socket-dir", "run");
        Assert.Null(settings.Server.ListenAddress);
        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "run"), settings.Server.UnixSocketDirectory);
    }

    [Fact]
    public void An_argument_that_looks_like_a_response_file_is_an_argument() =>
        Assert.Equal("@app", Read("serve", "memory:", "--database", "@app").Server.Database);

    [Theory]
    [InlineData("pocketgres serve")]
    [InlineData("unknown command srve", "srve")]
    [InlineData("unknown option --nonsense", "--nonsense")]
    [InlineData("unknown option --nonsense", "serve", "memory:", "--nonsense")]
    [InlineData("unknown argument extra", "serve", "memory:", "extra")]
    [InlineData("--port", "serve", "memory:", "--port")]
    [InlineData("0 to 65535, not \"70000\"", "serve", "memory:", "--port", "70000")]
    [InlineData("0 to 65535, not \"-1\"", "serve", "memory:", "--port", "-1")]
    [InlineData("0 to 65535, not \"a\"", "serve", "memory:", "--port", "a")]
    [InlineData("--port", "serve", "memory:", "--port", "1", "--port", "2")]
    [InlineData("not an IP address", "serve", "memory:", "--host", "example.org")]
    [InlineData("contradict", "serve", "memory:", "--no-tcp", "--host", "::1", "--unix-socket-dir", "/run")]
    [InlineData("--unix-socket-dir", "serve", "memory:", "--no-tcp")]
    [InlineData("--no-tcp forbids", "serve", "memory:", "--no-tcp", "--unix-socket-dir", "/run", "--port", "0")]
    [InlineData("name=value, not \"work_mem\"", "serve", "memory:", "-c", "work_mem")]
    [InlineData("name=value, not \"=1\"", "serve", "memory:", "-c", "=1")]
    [InlineData("use --port", "serve", "memory:", "-c", "port=1")]
    [InlineData("use --host", "serve", "memory:", "-c", "Listen_Addresses=*")]
    [InlineData("use --unix-socket-dir", "serve", "memory:", "-c", "unix_socket_directories=/run")]
    [InlineData("use the URL", "serve", "memory:", "-c", "data_directory=/run")]
    [InlineData("1 to 63 bytes, not 0", "serve", "memory:", "--database", "")]
    [InlineData("1 to 63 bytes, not 64", "serve", "memory:", "--database", "ää345678901234567890123456789012345678901234567890123456789012")]
    [InlineData("1 to 2147483647, not \"0\"", "serve", "memory:", "--parent-pid", "0")]
    [InlineData("quiet, error, warning, info, debug", "serve", "memory:", "--log-level", "loud")]
    [InlineData("file:./data", "serve", "data")]
    public void Errors_name_the_thing(string expected, params string[] args)
    {
        string message = Assert.Throws<UsageException>(() => Read(args)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void The_ready_line_is_one_line_of_json()
    {
        string line = ReadyLine.Format(5433, "postgres://postgres@127.0.0.1:5433/a%22b", "/run/\"pg\"\n", "/data/ü");
        Assert.EndsWith("}\n", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line[..^1]);
        var json = System.Text.Json.JsonDocument.Parse(line).RootElement;
        Assert.Equal(5433, json.GetProperty("port").GetInt32());
        Assert.Equal("postgres://postgres@127.0.0.1:5433/a%22b", json.GetProperty("url").GetString());
        Assert.Equal("/run/\"pg\"\n", json.GetProperty("socket").GetString());
        Assert.Equal("/data/ü", json.GetProperty("dataDirectory").GetString());
        Assert.Equal(Environment.ProcessId, json.GetProperty("pid").GetInt32());
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("serve", "memory:", "--no-tcp", "--unix-socket-dir", "/run/pg")]
    [InlineData("serve", "memory:", "--auth", "peer", "--init", "/tmp")]
    [InlineData("serve", "--port", "0", "-c", "a=b", "file:x", "--set", "c=d", "--parent-pid", "7", "--database", "shop", "--host", "::1", "--log-level", "debug")]
    public void A_plain_command_line_needs_no_parser(params string[] args)
    {
        Assert.NotNull(ServeArguments.ReadPlain(args));
        Read(args); // both agree
    }

    [Theory]
    [InlineData]
    [InlineData("check", "x")]
    [InlineData("--version")]
    [InlineData("serve", "--help")]
    [InlineData("serve", "-h")]
    [InlineData("serve", "--port=1")]
    [InlineData("serve", "-ca=b")]
    [InlineData("serve", "--port")]
    [InlineData("serve", "--port", "--no-tcp")]
    [InlineData("serve", "--port", "1", "--port", "2")]
    [InlineData("serve", "--no-tcp", "--no-tcp")]
    [InlineData("serve", "--bogus", "x")]
    [InlineData("serve", "memory:", "memory:")]
    [InlineData("serve", "--", "memory:")]
    [InlineData("serve", "")]
    [InlineData("serve", "-c")]
    [InlineData("serve", "@file")]
    public void Everything_else_is_the_parsers(params string[] args) => Assert.Null(ServeArguments.ReadPlain(args));

    private static ServeSettings Read(params string[] args)
    {
        var commandLine = new PocketgresCommand();
        var settings = commandLine.Serve.Read(commandLine.Parse(args));
        if (ServeArguments.ReadPlain(args)?.ToSettings() is { } plain)
        {
            Assert.Equal(settings.Server.Settings, plain.Server.Settings);
            Assert.Equal(settings with { Server = plain.Server }, plain);
            Assert.Equal(settings.Server with { Settings = plain.Server.Settings }, plain.Server);
        }

        return settings;
    }
}
