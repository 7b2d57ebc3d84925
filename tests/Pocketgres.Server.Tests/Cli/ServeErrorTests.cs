using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>Starts that must fail: non-zero, nothing on stdout, and one line that names the thing.</summary>
public class ServeErrorTests
{
    [OursFact]
    public async Task A_busy_port()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string port = ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        await FailsNamingAsync(port, "serve", "memory:", "--port", port);
    }

    [OursFact]
    public async Task A_path_that_is_a_file()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Combine("a-file");
        await File.WriteAllTextAsync(path, "not a directory");
        await FailsNamingAsync(path, "serve", "file:" + path, "--port", "0");
        Assert.Equal("not a directory", await File.ReadAllTextAsync(path));
    }

    [OursFact]
    public async Task A_path_that_cannot_be_created()
    {
        // Root may read anything, so the unreadable directory is one that the kernel itself refuses.
        const string Impossible = "/proc/1/no-such-directory/data";
        await FailsNamingAsync(Impossible, "serve", "file:" + Impossible, "--port", "0");
    }

    [OursFact]
    public async Task A_foreign_directory_is_left_as_it_is()
    {
        using var directory = new TemporaryDirectory();
        string path = Directory.CreateDirectory(directory.Combine("photos")).FullName;
        string letter = Path.Combine(path, "letter.txt");
        await File.WriteAllTextAsync(letter, "dear");
        await FailsNamingAsync(path, "serve", "file:" + path, "--port", "0");
        Assert.Equal([letter], Directory.GetFileSystemEntries(path));
    }

    [OursFact]
    public async Task A_newer_data_directory_is_left_as_it_is()
    {
        using var directory = new TemporaryDirectory();
        string path = Directory.CreateDirectory(directory.Combine("newer")).FullName;
        string version = Path.Combine(path, "PG_VERSION");
        await File.WriteAllTextAsync(version, "19\n");
        string error = await FailsNamingAsync(path, "serve", "file:" + path, "--port", "0");
        Assert.Contains("19", error.Replace(path, "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal([version], Directory.GetFileSystemEntries(path));
    }

    [OursFact]
    public async Task A_directory_that_another_server_has_open()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Combine("data");
        await using CliServer first = await CliServer.StartAsync(["serve", "file:" + path, "--port", "0"]);
        await FailsNamingAsync(path, "serve", "file:" + path, "--port", "0");
        await using NpgsqlConnection connection = await first.OpenAsync();
        Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
    }

    [OursFact]
    public Task An_unknown_option() => FailsNamingAsync("--nonsense", "serve", "memory:", "--nonsense");

    [OursFact]
    public Task An_unknown_scheme() => FailsNamingAsync("redis", "serve", "redis://localhost", "--port", "0");

    [OursFact]
    public Task A_port_that_is_none() => FailsNamingAsync("70000", "serve", "memory:", "--port", "70000");

    [OursFact]
    public Task An_unknown_setting() => FailsNamingAsync("no_such_setting", "serve", "memory:", "--port", "0", "-c", "no_such_setting=1");

    [OursFact]
    public async Task Help_is_not_an_error()
    {
        ToolResult result = (await CliServer.RunToEndAsync("serve", "--help")).Succeeded();
        Assert.Contains("--port", result.Output, StringComparison.Ordinal);
    }

    static async Task<string> FailsNamingAsync(string name, params string[] arguments)
    {
        ToolResult result = await CliServer.RunToEndAsync(arguments);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.Contains(name, result.Error, StringComparison.Ordinal);
        // An error for people, not a stack trace.
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        return result.Error;
    }
}
