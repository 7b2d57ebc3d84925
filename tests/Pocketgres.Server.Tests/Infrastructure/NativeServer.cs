using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>Native PostgreSQL 18 from artifacts/pg18. It refuses to run as root, so it runs as "nobody" where the tests do.</summary>
sealed class NativeServer : TestServer
{
    const string User = "nobody";
    TemporaryDirectory? _temporary;

    NativeServer()
    {
    }

    static bool IsRoot => Environment.UserName == "root";

    public static new async Task<TestServer> StartAsync(ServerOptions options)
    {
        TemporaryDirectory? temporary = options.DataDirectory is null ? new TemporaryDirectory() : null;
        var server = new NativeServer { UnixSocketDirectory = options.UnixSocketDirectory, _temporary = temporary };
        try
        {
            string data = options.DataDirectory ?? temporary!.Combine("data");
            await server.InitializeAsync(data, options.UnixSocketDirectory);
            await server.StartProcessAsync(data, options);
            return server;
        }
        catch
        {
            if (server.Process is not null)
            {
                await server.KillAsync();
            }

            temporary?.Dispose();
            throw;
        }
    }

    public override Task<int> StopAsync()
    {
        Signal(Signals.Interrupt);
        return WaitForExitAsync();
    }

    public override async Task KillAsync()
    {
        // The postmaster first, so that it starts no more children and begins no crash restart.
        string children = "";
        try
        {
            children = await File.ReadAllTextAsync($"/proc/{Process.Id}/task/{Process.Id}/children");
        }
        catch (IOException)
        {
            // It has ended by itself.
        }

        Process.Kill();
        foreach (string child in children.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            Signals.Send(int.Parse(child, CultureInfo.InvariantCulture), Signals.Kill);
        }

        await Process.WaitForExitAsync();
    }

    public override Task CrashBackendAsync(int pid)
    {
        Signals.Send(pid, Signals.Kill);
        return Task.CompletedTask;
    }

    protected override void DeleteFiles() => _temporary?.Dispose();

    async Task InitializeAsync(string data, string? socketDirectory)
    {
        Directory.CreateDirectory(data);
        File.SetUnixFileMode(data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (IsRoot)
        {
            string[] owned = [data, .. _temporary is null ? [] : new[] { _temporary.Path }, .. socketDirectory is null ? [] : new[] { socketDirectory }];
            (await Tool.RunAsync("chown", ["-R", User, .. owned])).Succeeded();
            if (Path.GetDirectoryName(data) is { } parent && parent.StartsWith(Path.GetTempPath(), StringComparison.Ordinal))
            {
                (await Tool.RunAsync("chmod", ["a+x", parent])).Succeeded();
            }
        }

        if (!File.Exists(Path.Combine(data, "PG_VERSION")))
        {
            (string program, string[] prefix) = AsUser("initdb");
            (await Tool.RunAsync(program, [.. prefix, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"], workingDirectory: "/")).Succeeded();
        }
    }

    async Task StartProcessAsync(string data, ServerOptions options)
    {
        Port = FreePort();
        (string program, string[] prefix) = AsUser("postgres");
        List<string> arguments = [.. prefix, "-D", data, "-c", "listen_addresses=127.0.0.1", "-p", Port.ToString(CultureInfo.InvariantCulture),
            "-c", $"unix_socket_directories={options.UnixSocketDirectory ?? ""}"];
        foreach ((string name, string value) in options.Settings)
        {
            arguments.AddRange(["-c", $"{name}={value}"]);
        }

        Process = new Process { StartInfo = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, WorkingDirectory = "/" } };
        Process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is not null)
            {
                Log.Add(e.Data);
            }
        };
        Process.Start();
        Process.BeginErrorReadLine();
        await Wait.UntilAsync(() =>
        {
            Assert.False(Process.HasExited, $"native PostgreSQL did not start:\n{Log.Tail}");
            return Log.Contains("database system is ready to accept "); // connections; of a standby, read-only connections
        }, "native PostgreSQL is ready", StartDeadline);
    }

    static (string Program, string[] Prefix) AsUser(string program)
    {
        string path = Workspace.Pg18(program);
        return IsRoot ? ("setpriv", ["--reuid=" + User, "--regid=nogroup", "--clear-groups", path]) : (path, []);
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
