using System.Diagnostics;
using System.Globalization;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary>A data directory has one server at a time, whoever the second one is and however it comes.</summary>
public class LockTests
{
    [Fact]
    public async Task Another_process_is_refused_by_every_path_and_told_who_has_it()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        await using CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]);
        File.CreateSymbolicLink(directory.Combine("link"), data);
        Directory.CreateDirectory(directory.Combine("x"));
        foreach (string path in (string[])[data, data + "/", directory.Combine("link"), directory.Combine("x/../data"), directory.Combine("link/.")])
        {
            await RefusedAsync(["exec", CliServer.CliPath, "serve", "file:" + path, "--port", "0"], $"process {server.Pid} on {Environment.MachineName}");
        }

        // Nothing that anybody may delete or rename breaks the lock.
        File.Delete(data + "/pocketgres.lock");
        await RefusedAsync(["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0"], "in use");
        Directory.Move(data, directory.Combine("moved"));
        await RefusedAsync(["exec", CliServer.CliPath, "serve", "file:" + directory.Combine("moved"), "--port", "0"], "in use");
        Directory.Move(directory.Combine("moved"), data);

        await server.KillAsync();
        await using CliServer next = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]);
        Assert.Equal(0, await next.StopAsync());
    }

    [NamespaceFact]
    public async Task Another_container_with_the_same_volume_is_refused()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        Directory.CreateDirectory(directory.Combine("volume"));
        await using CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]);
        await RefusedAsync(
            [
                "--mount", "--pid", "--fork", "--uts", "--mount-proc", "sh", "-c",
                $"hostname elsewhere; mount --bind {data} {directory.Combine("volume")}; exec dotnet exec {CliServer.CliPath} serve file:{directory.Combine("volume")} --port 0",
            ],
            $"process {server.Pid} on {Environment.MachineName}", "unshare");
    }

    [Fact]
    public async Task Another_cluster_of_the_same_process_is_refused_within_a_second()
    {
        using var directory = new TemporaryDirectory();
        var options = new ClusterOptions { DataDirectory = directory.Combine("data"), Port = 0 };
        for (int round = 0; round < 2; round++)
        {
            await using EmbeddedServer server = await EmbeddedServer.StartAsync(options);
            long started = Stopwatch.GetTimestamp();
            var refused = await Assert.ThrowsAsync<ClusterException>(() => PostgresCluster.StartAsync(options));
            Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 1);
            Assert.Equal(ClusterError.DirectoryInUse, refused.Error);
            Assert.Contains(Environment.ProcessId.ToString(CultureInfo.InvariantCulture), refused.Message, StringComparison.Ordinal);
            await server.KillAsync(); // the next round finds it free
        }
    }

    [Fact]
    public async Task Of_many_first_starts_one_wins()
    {
        using var directory = new TemporaryDirectory();
        var options = new ClusterOptions { DataDirectory = directory.Combine("data"), Port = 0 };
        Task<PostgresCluster>[] starts = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => PostgresCluster.StartAsync(options)))];
        await Task.WhenAny(Task.WhenAll(starts), Task.Delay(TimeSpan.FromSeconds(60)));
        PostgresCluster winner = Assert.Single(starts, s => s.IsCompletedSuccessfully).Result;
        Assert.All(starts.Where(s => s.IsFaulted), s =>
            Assert.Equal(ClusterError.DirectoryInUse, Assert.IsType<ClusterException>(s.Exception!.InnerException).Error));
        Assert.Equal(3, starts.Count(s => s.IsFaulted));
        await winner.DisposeAsync();
    }

    static async Task RefusedAsync(string[] arguments, string holder, string program = "dotnet")
    {
        ToolResult result = await Tool.RunAsync(program, arguments, deadline: TimeSpan.FromSeconds(30));
        Assert.Equal(4, result.ExitCode);
        Assert.Contains("in use", result.Error, StringComparison.Ordinal);
        Assert.Contains(holder, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }
}
