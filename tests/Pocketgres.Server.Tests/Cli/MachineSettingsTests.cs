using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>Settings that follow from the machine, and `pocketgres config`, which says so.</summary>
public sealed class MachineSettingsTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [OursFact]
    public async Task What_the_user_sets_anywhere_wins()
    {
        string url = "file:" + _directory.Combine("data");
        string[] arguments = ["serve", url, "--port", "0", "--memory", "512MB"];
        await using (CliServer server = await CliServer.StartAsync(arguments))
        {
            await using NpgsqlConnection connection = await server.OpenAsync();
            Assert.Equal("32MB 2MB 32MB 384MB 100", await ShowAsync(connection));
            await connection.ExecuteAsync("alter system set work_mem = '3MB'");
            await connection.ExecuteAsync("select pg_reload_conf()");
            await Wait.UntilAsync(async () => await connection.ScalarAsync<string>("show work_mem") == "3MB", "ALTER SYSTEM wins at once");
            Assert.Equal(0, await server.StopAsync());
        }

        await File.AppendAllTextAsync(_directory.Combine("data/postgresql.conf"), "shared_buffers = 17MB\n");
        await using (CliServer server = await CliServer.StartAsync([.. arguments[..^1], "128MB", "-c", "max_connections=12"]))
        {
            await using NpgsqlConnection connection = await server.OpenAsync();
            Assert.Equal("17MB 3MB 16MB 96MB 12", await ShowAsync(connection));
            Assert.Equal(0, await server.StopAsync());
        }

        string before = await File.ReadAllTextAsync(_directory.Combine("data/pocketgres.conf"));
        string config = (await CliServer.RunToEndAsync("config", url, "--memory", "1GB", "-c", "max_connections=12")).Succeeded().Output;
        Assert.Contains("\nmax_connections\t12\t-c\n", config, StringComparison.Ordinal);
        Assert.Matches(@"\nshared_buffers\t17MB\tpostgresql\.conf line \d+\n", config);
        Assert.Matches(@"\nwork_mem\t3MB\tpostgresql\.auto\.conf line \d+\n", config);
        Assert.Matches(@"\nmaintenance_work_mem\t64MB\tthe machine: 1024 MB of memory \(--memory\), \d+ processor", config);
        Assert.DoesNotContain("\nenable_seqscan\t", config, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(_directory.Combine("data/pocketgres.conf")));
    }

    [OursFact]
    public async Task Config_shows_a_cluster_that_is_not_made_and_all_of_it_if_asked()
    {
        string data = _directory.Combine("none");
        ToolResult result = (await CliServer.RunToEndAsync(
            new Dictionary<string, string> { ["POSTGRES_MEMORY"] = "64g" }, "config", "file:" + data, "--all")).Succeeded();
        Assert.Contains("\nenable_seqscan\ton\tdefault\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("\nshared_buffers\t128MB\tthe machine: 65536 MB of memory (POSTGRES_MEMORY)", result.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(data));
    }

    [CgroupFact]
    public async Task A_cgroup_is_the_machine()
    {
        using Cgroup group = Cgroup.Create(256L << 20);
        ToolResult result = await Tool.RunAsync("/bin/sh", ["-c", $"echo $$ > {group.Path}/cgroup.procs && exec dotnet exec {CliServer.CliPath} config memory:"]);
        result.Succeeded();
        Assert.Contains("\nmax_connections\t50\tthe machine: 256 MB of memory (cgroup v", result.Output, StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Amounts_that_make_no_sense()
    {
        foreach (string amount in (string[])["1MB", "nonsense", "-1", "0", "1e9GB", "12 parsecs", "999999999999TB"])
        {
            ToolResult result = await CliServer.RunToEndAsync("serve", "file:" + _directory.Combine("data"), "--port", "0", "--memory=" + amount);
            Assert.Equal(2, result.ExitCode);
            Assert.Contains("--memory", result.Error, StringComparison.Ordinal);
            Assert.Single(result.Error.TrimEnd().Split('\n'));
        }

        Assert.False(Directory.Exists(_directory.Combine("data")));
    }

    static Task<string> ShowAsync(NpgsqlConnection connection) => connection.ScalarAsync<string>("""
        select concat_ws(' ', current_setting('shared_buffers'), current_setting('work_mem'), current_setting('maintenance_work_mem'),
            current_setting('effective_cache_size'), current_setting('max_connections'))
        """);
}
