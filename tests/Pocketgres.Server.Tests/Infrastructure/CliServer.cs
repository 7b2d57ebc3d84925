using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>
/// The server as people start it: `pocketgres serve`. This file holds everything the tests assume about the command line:
/// <list type="bullet">
/// <item>`serve [memory:|file:DIR] [--port N] [--database NAME] [--unix-socket-dir DIR] [--parent-pid PID] [-c name=value]...`</item>
/// <item>when ready, one line on stdout: {"port": N, "url": "postgres://..."}; everything else goes to stderr;</item>
/// <item>SIGTERM and SIGINT stop it cleanly, exit code 0; a start that fails says why in one line on stderr and exits non-zero;</item>
/// <item>with POCKETGRES_TEST_HOOKS=1 in its environment, a line `crash PID` on stdin ends that backend as a segmentation fault would.</item>
/// </list>
/// </summary>
sealed class CliServer : TestServer
{
    /// <summary>The built command line: POCKETGRES_CLI, or the build of this configuration.</summary>
    public static string CliPath
    {
        get
        {
            string path = Environment.GetEnvironmentVariable("POCKETGRES_CLI") is { Length: > 0 } given
                ? given
                : Path.Combine(Workspace.Root, "src", "Pocketgres.Cli", "bin", Workspace.Configuration, "net10.0", "pocketgres.dll");
            if (!File.Exists(path))
            {
                Assert.Fail($"the command line is not built ({path}): run dotnet build");
            }

            return path;
        }
    }

    CliServer()
    {
    }

    public static new async Task<TestServer> StartAsync(ServerOptions options) => await StartAsync(ServeArguments(options), options);

    /// <summary>Starts `pocketgres` with these arguments, perhaps with few descriptors (`ulimit -n`), in a cgroup, or with a disk for temporary files that nobody else sees, and waits for its ready line.</summary>
    public static async Task<CliServer> StartAsync(IEnumerable<string> arguments, ServerOptions? options = null, int? descriptors = null, IReadOnlyDictionary<string, string>? environment = null,
        Cgroup? group = null, (string Directory, int Megabytes)? temporaryDisk = null)
    {
        var server = new CliServer { UnixSocketDirectory = options?.UnixSocketDirectory };
        ProcessStartInfo start = StartInfo(arguments);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        if (descriptors is not null || group is not null)
        {
            string script = (descriptors is not null ? "ulimit -n $1" : "echo $$ > $1/cgroup.procs") + "; shift; exec dotnet exec \"$@\"";
            start.ArgumentList.Clear();
            foreach (string argument in (string[])["-c", script, "sh", $"{descriptors}{group?.Path}", CliPath, .. arguments])
            {
                start.ArgumentList.Add(argument);
            }

            start.FileName = "/bin/sh";
        }

        if (temporaryDisk is { } disk)
        {
            start.FileName = "unshare";
            start.ArgumentList.Clear();
            foreach (string argument in (string[])["--mount", "sh", "-c", $"mount -t tmpfs -o size={disk.Megabytes}m none \"$0\" && exec dotnet exec \"$@\"", disk.Directory, CliPath, .. arguments])
            {
                start.ArgumentList.Add(argument);
            }

            start.Environment["TMPDIR"] = disk.Directory;
        }

        if (options is { CrashesBackends: true })
        {
            start.Environment["POCKETGRES_TEST_HOOKS"] = "1";
        }

        server.Process = new Process { StartInfo = start };
        server.Process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is not null)
            {
                server.Log.Add(e.Data);
            }
        };
        server.Process.Start();
        server.Process.BeginErrorReadLine();
        try
        {
            string? line = await Wait.ForAsync(server.Process.StandardOutput.ReadLineAsync(), "the ready line", StartDeadline);
            if (line is null)
            {
                await server.WaitForExitAsync();
                Assert.Fail($"the server ended before it was ready, exit code {server.Process.ExitCode}:\n{server.Log.Tail}");
            }

            server.ReadyLine = line;
            server.Port = JsonDocument.Parse(line).RootElement.GetProperty("port").GetInt32();
            return server;
        }
        catch
        {
            await server.KillAsync();
            throw;
        }
    }

    /// <summary>Starts `pocketgres` and waits for nothing.</summary>
    public static Process StartProcess(params string[] arguments)
    {
        Process process = Process.Start(StartInfo(arguments))!;
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        return process;
    }

    /// <summary>Runs `pocketgres` to its end, for starts that must fail.</summary>
    public static Task<ToolResult> RunToEndAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        Tool.RunAsync("dotnet", ["exec", CliPath, .. arguments], environment, deadline: StartDeadline);

    /// <summary>Runs `pocketgres` to its end, for starts that must fail.</summary>
    public static Task<ToolResult> RunToEndAsync(params string[] arguments) =>
        Tool.RunAsync("dotnet", ["exec", CliPath, .. arguments], deadline: StartDeadline);

    /// <summary>Runs `pocketgres` to its end, for commands that have much to read.</summary>
    public static Task<ToolResult> RunToEndAsync(TimeSpan deadline, params string[] arguments) =>
        Tool.RunAsync("dotnet", ["exec", CliPath, .. arguments], deadline: deadline);

    public static IReadOnlyList<string> ServeArguments(ServerOptions options)
    {
        List<string> arguments = ["serve", options.DataDirectory is null ? "memory:" : "file:" + options.DataDirectory, "--port", "0"];
        // Should this test process die, no server stays behind.
        arguments.AddRange(["--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        if (options.UnixSocketDirectory is not null)
        {
            arguments.AddRange(["--unix-socket-dir", options.UnixSocketDirectory]);
        }

        foreach ((string name, string value) in options.Settings)
        {
            arguments.AddRange(["-c", $"{name}={value}"]);
        }

        return arguments;
    }

    /// <summary>The machine-readable line on stdout.</summary>
    public string ReadyLine { get; private set; } = "";

    public int Pid => Process.Id;

    public override Task<int> StopAsync()
    {
        Signal(Signals.Terminate);
        return WaitForExitAsync();
    }

    /// <summary>Waits for an end that somebody else brought about.</summary>
    public Task<int> ExitAsync() => WaitForExitAsync();

    /// <summary>What else came on stdout, once the process has ended.</summary>
    public Task<string> RestOfOutputAsync() => Process.StandardOutput.ReadToEndAsync();

    public override async Task KillAsync()
    {
        Process.Kill(entireProcessTree: true);
        await Process.WaitForExitAsync();
    }

    public override async Task CrashBackendAsync(int pid)
    {
        await Process.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"crash {pid}"));
        await Process.StandardInput.FlushAsync();
        Assert.Equal("ok", await Wait.ForAsync(Process.StandardOutput.ReadLineAsync(), "the answer to crash"));
    }

    static ProcessStartInfo StartInfo(IEnumerable<string> arguments) => new("dotnet", ["exec", CliPath, .. arguments])
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };
}
