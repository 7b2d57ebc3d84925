using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Server.Tests.Infrastructure;
using Xunit.Abstractions;
using Process = System.Diagnostics.Process;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary>A data directory has one server at a time, whoever the second one is and however it comes.</summary>
public class LockTests(ITestOutputHelper output)
{
    static readonly string[] s_unshare = ["--mount", "--pid", "--fork", "--kill-child", "--uts", "--mount-proc", "sh", "-c"];

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
        string data = directory.Combine("data"), volume = directory.Combine("volume");
        Directory.CreateDirectory(volume);
        await using CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]);
        string mount = $"hostname elsewhere; mount --bind {data} {volume}; ";
        foreach (string readOnly in (string[])["", $"mount -o remount,ro,bind {volume}; "])
        {
            await RefusedAsync([.. s_unshare, $"{mount}{readOnly}exec dotnet exec {CliServer.CliPath} serve file:{volume} --port 0"],
                $"process {server.Pid} on {Environment.MachineName}", "unshare");
        }
    }

    [NamespaceFact]
    public async Task A_container_that_has_the_volume_keeps_the_host_out()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data"), volume = directory.Combine("volume");
        Directory.CreateDirectory(data);
        Directory.CreateDirectory(volume);
        using Process container = Start("unshare",
            [.. s_unshare, $"hostname elsewhere; mount --bind {data} {volume}; exec dotnet exec {CliServer.CliPath} serve file:{volume} --port 0"], out _);
        try
        {
            await Wait.UntilAsync(() => File.Exists(data + "/pocketgres.lock") && new FileInfo(data + "/pocketgres.lock").Length > 0, "the container has the lock");
            await RefusedAsync(["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0"], " on elsewhere ");
        }
        finally
        {
            container.Kill(entireProcessTree: true); // unshare --kill-child
            await container.WaitForExitAsync();
        }

        // Its death, however sudden, gives the lock back.
        await Wait.UntilAsync(async () => (await Tool.RunAsync("flock", ["--nonblock", data, "true"])).ExitCode == 0, "the lock is free");
        await using CliServer next = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]);
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    public async Task During_its_first_creation_a_second_opener_is_refused()
    {
        using var directory = new TemporaryDirectory();
        for (int attempt = 0; ; attempt++)
        {
            string data = directory.Combine($"data{attempt}");
            using Process holder = Start("dotnet", ["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0"], out _);
            try
            {
                Assert.True(SpinWait.SpinUntil(() => Directory.Exists(data + "/.pocketgres-unfinished") || holder.HasExited, Wait.Deadline));
                Signals.Send(holder.Id, Signals.Stop); // so that it is still at it when the second one comes
                if (File.Exists(data + "/PG_VERSION"))
                {
                    Assert.InRange(attempt, 0, 20);
                    continue; // we were too slow
                }

                await RefusedAsync(["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0"], $"process {holder.Id} on");
                Signals.Send(holder.Id, Signals.Continue);
                await Wait.UntilAsync(() => File.Exists(data + "/postmaster.pid") && File.ReadAllText(data + "/postmaster.pid").Contains("ready", StringComparison.Ordinal), "the first one gets through");
                return;
            }
            finally
            {
                holder.Kill();
                await holder.WaitForExitAsync();
            }
        }
    }

    [Fact]
    public async Task During_its_recovery_a_second_opener_is_refused()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        await using (CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0", "-c", "fsync=off"]))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t as select i from generate_series(1, 1000) i");
            await server.KillAsync();
        }

        // Recovery asks this command for the log, and goes on with what is in pg_wal when it fails: not before we say so.
        string go = directory.Combine("go");
        await File.WriteAllTextAsync(Path.Combine(data, "recovery.signal"), "");
        using Process holder = Start("dotnet", ["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0", "-c", $"restore_command=while [ ! -e {go} ]; do sleep 0.01; done; false"], out ConcurrentQueue<string> log);
        try
        {
            await Wait.UntilAsync(() => log.Any(l => l.Contains("database system was interrupted", StringComparison.Ordinal)), "recovery");
            await RefusedAsync(["exec", CliServer.CliPath, "serve", "file:" + data, "--port", "0"], $"process {holder.Id} on");
            Assert.DoesNotContain(log, l => l.Contains("ready to accept connections", StringComparison.Ordinal));
            await File.WriteAllTextAsync(go, "");
            await Wait.UntilAsync(() => log.Any(l => l.Contains("ready to accept connections", StringComparison.Ordinal)), "the end of the recovery");
        }
        finally
        {
            await File.WriteAllTextAsync(go, ""); // the command outlives its server
            holder.Kill();
            await holder.WaitForExitAsync();
        }
    }

    [NamespaceFact]
    public async Task A_native_server_finds_it_locked_and_pg_ctl_finds_the_server()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        await using CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0", "--unix-socket-dir", directory.Path]);

        // The owner of the directory and of the server, but not root to itself.
        Task<ToolResult> NativeAsync(params string[] command) => Tool.RunAsync("unshare", ["--user", "--map-user=1000", .. command], workingDirectory: "/");
        ToolResult native = await NativeAsync(Workspace.Pg18("postgres"), "-D", data);
        Assert.Equal(1, native.ExitCode);
        Assert.Contains("FATAL:  lock file \"postmaster.pid\" already exists", native.Error, StringComparison.Ordinal);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"Is another postmaster (PID {server.Pid}) running in data directory"), native.Error, StringComparison.Ordinal);
        ToolResult status = (await NativeAsync(Workspace.Pg18("pg_ctl"), "status", "-D", data)).Succeeded();
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"pg_ctl: server is running (PID: {server.Pid})"), status.Output, StringComparison.Ordinal);
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"{server.Pid}\n"), File.ReadAllText(Directory.GetFiles(directory.Path, ".s.PGSQL.*.lock").Single()), StringComparison.Ordinal);

        // What keeps others out may be deleted; the server goes on and stops as ever.
        File.Delete(Path.Combine(data, "postmaster.pid"));
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("create table t as select 1 i; checkpoint");
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.False(File.Exists(Path.Combine(data, "postmaster.pid")));
        Assert.Empty(Directory.GetFiles(directory.Path, ".s.PGSQL.*"));
    }

    [Fact]
    public unsafe void Postgres_reads_what_it_has_written_whatever_became_of_the_file()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Combine("postmaster.pid"), ours = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n/data\n");
        var files = new LockFileSystem(new HostFileSystem("/"), [path]);
        Assert.Equal(Errno.ENOENT, files.Open(path, OpenFlags.ReadOnly, 0, out _));
        Assert.Equal(Errno.None, files.Open(path, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180, out OpenFile? created));
        fixed (byte* bytes = "42\n/data\n"u8)
        {
            Assert.Equal(9, created!.Write(bytes, 9));
        }

        Assert.Equal(Errno.None, created.Sync(dataOnly: false));
        created.Release();
        Assert.Equal(ours, File.ReadAllText(path));
        Assert.Equal(Errno.EEXIST, files.Open(path, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180, out _));

        // Another's stays, one that is gone comes back.
        File.WriteAllText(path, "7\n/elsewhere\n");
        Assert.Equal("42\n/data\n", Read());
        Assert.Equal("7\n/elsewhere\n", File.ReadAllText(path));
        File.Delete(path);
        Assert.Equal("42\n/data\n", Read());
        Assert.Equal(ours, File.ReadAllText(path));
        File.Delete(path);
        Assert.Equal(Errno.None, files.Unlink(path));
        Assert.Equal(Errno.ENOENT, files.Unlink(path));

        string Read()
        {
            Assert.Equal(Errno.None, files.Open(path, OpenFlags.ReadOnly, 0, out OpenFile? file));
            byte* buffer = stackalloc byte[100];
            int n = file!.Read(buffer, 100);
            Assert.Equal(0, file.Read(buffer, 100));
            file.Release();
            return System.Text.Encoding.UTF8.GetString(buffer, n);
        }
    }

    [Fact]
    public async Task Another_cluster_of_the_same_process_is_refused()
    {
        using var directory = new TemporaryDirectory();
        var options = new ClusterOptions { DataDirectory = directory.Combine("data"), Port = 0 };
        for (int round = 0; round < 2; round++)
        {
            await using EmbeddedServer server = await EmbeddedServer.StartAsync(options);
            long started = Stopwatch.GetTimestamp();
            var refused = await Assert.ThrowsAsync<ClusterException>(() => Wait.ForAsync(PostgresCluster.StartAsync(options), "the refusal"));
            output.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds:0.000} s: {refused.Message}");
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

    static Process Start(string program, string[] arguments, out ConcurrentQueue<string> log)
    {
        var lines = log = new ConcurrentQueue<string>();
        Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, e) => lines.Enqueue(e.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    async Task RefusedAsync(string[] arguments, string holder, string program = "dotnet")
    {
        long started = Stopwatch.GetTimestamp();
        ToolResult result = await Tool.RunAsync(program, arguments, deadline: TimeSpan.FromSeconds(30));
        output.WriteLine($"{Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s: {result.Error.Trim()}");
        Assert.Equal(4, result.ExitCode);
        Assert.Contains("in use", result.Error, StringComparison.Ordinal);
        Assert.Contains(holder, result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }
}
