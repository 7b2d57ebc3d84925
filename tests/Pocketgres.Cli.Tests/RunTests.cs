using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Pocketgres.Cli.Tests.Support;
using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

/// <summary><c>run -- CMD</c> as a process.</summary>
public sealed class RunTests
{
    [Fact]
    public async Task The_command_finds_the_database_and_its_exit_code_is_the_programs()
    {
        using var run = CliProcess.Start("run", "--database", "shop", "--", "sh", "-c", "echo $DATABASE_URL; echo $PGHOST $PGPORT $PGUSER $PGDATABASE; read line; exit $line");
        string url = (await run.ReadLineAsync())!;
        string[] words = (await run.ReadLineAsync())!.Split(' ');
        var connection = ConnectionUri.Parse(url);
        Assert.Equal([connection.Host!, connection.Port.ToString(CultureInfo.InvariantCulture), "postgres", "shop"], words);
        connection.Pooling = false;
        await using (var source = NpgsqlDataSource.Create(connection))
        {
            await using var command = source.CreateCommand("SELECT current_database()");
            Assert.Equal("shop", await command.ExecuteScalarAsync());
        }

        await run.Input.WriteLineAsync("7");
        Assert.Equal(7, (await run.EndAsync()).ExitCode);
        await Assert.ThrowsAnyAsync<NpgsqlException>(async () => await NpgsqlDataSource.Create(connection).OpenConnectionAsync());
    }

    [Fact]
    public async Task A_directory_keeps_what_the_command_did_and_a_url_of_a_server_starts_none()
    {
        using var directory = new TemporaryDirectory();
        string data = "file:" + directory.Below("data");
        using var first = CliProcess.Start("run", data, "--", "sh", "-c", "echo $DATABASE_URL; read line");
        string url = (await first.ReadLineAsync())!;
        var inner = await CliProcess.RunAsync("run", url, "--database", "other", "--", "sh", "-c", "echo $DATABASE_URL $PGDATABASE");
        Assert.Equal($"{url[..url.LastIndexOf('/')]}/other other\n", inner.Output);
        await first.Input.WriteLineAsync();
        Assert.Equal(0, (await first.EndAsync()).ExitCode);

        using var second = CliProcess.Start("run", data, "--", "sh", "-c", "echo $DATABASE_URL; read line");
        await using (var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(ConnectionUri.Parse((await second.ReadLineAsync())!).ConnectionString) { Pooling = false }))
        {
            await using var command = source.CreateCommand("SELECT count(*)::int FROM pg_database WHERE datname = 'other'");
            Assert.Equal(1, await command.ExecuteScalarAsync());
        }

        await second.Input.WriteLineAsync();
        Assert.Equal(0, (await second.EndAsync()).ExitCode);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("USR1")]
    public async Task Signals_reach_the_command(string signal)
    {
        using var run = CliProcess.Start("run", "--", "sh", "-c", $"trap 'echo got {signal}; exit 9' {signal}; echo ready; while :; do sleep 0.05; done");
        Assert.Equal("ready", await run.ReadLineAsync());
        run.Signal(signal);
        var result = await run.EndAsync();
        Assert.Equal(9, result.ExitCode);
        Assert.Equal($"got {signal}\n", result.Output);
    }

    [Fact]
    public async Task The_command_ends_with_the_parent()
    {
        using var parent = Process.Start("sleep", "600");
        using var run = CliProcess.Start("run", "--parent-pid", parent.Id.ToString(CultureInfo.InvariantCulture), "--", "sh", "-c", "echo ready; exec sleep 600");
        Assert.Equal("ready", await run.ReadLineAsync());
        parent.Kill();
        Assert.Equal(128 + 15, (await run.EndAsync()).ExitCode);
    }

    [Theory]
    [InlineData(127, "is not found", "run", "--", "/no/such/program")]
    [InlineData(126, "cannot be executed", "run", "--", "/etc/passwd")]
    [InlineData(2, "behind --", "run", "memory:")]
    [InlineData(2, "behind --", "run", "memory:", "--")]
    [InlineData(2, "is not a URL", "run", "data", "--", "true")]
    [InlineData(2, "postgres: URL", "run", "postgres://h:x/d", "--", "true")]
    [InlineData(1, "cannot create database \"x\"", "run", "postgres://u@127.0.0.1:1/d", "--database", "x", "--", "true")]
    public async Task Errors_are_one_line(int code, string expected, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(arguments);
        Assert.Equal(code, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.Empty(result.Output);
    }
}
