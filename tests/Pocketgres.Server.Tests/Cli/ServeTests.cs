using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Pocketgres.Server.Tests.Clients;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>`pocketgres serve`: how it starts, says so, and stops.</summary>
public class ServeTests
{
    [OursFact]
    public async Task The_ready_line_is_all_that_stdout_gets()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0"]);
        JsonElement ready = JsonDocument.Parse(server.ReadyLine).RootElement;
        int port = ready.GetProperty("port").GetInt32();
        Assert.InRange(port, 1, 65535);
        var url = new Uri(ready.GetProperty("url").GetString()!);
        Assert.Equal(("postgres", port), (url.Scheme, url.Port));
        await using (NpgsqlConnection connection = await server.OpenAsync())
        {
            Assert.Equal("postgres", await connection.ScalarAsync<string>("select current_user"));
        }

        Assert.Equal(0, await server.StopAsync());
        Assert.Equal("", await server.RestOfOutputAsync());
    }

    [OursFact]
    public Task Sigterm_stops_cleanly() => StopsCleanlyAsync(Signals.Terminate);

    [OursFact]
    public Task Sigint_stops_cleanly() => StopsCleanlyAsync(Signals.Interrupt);

    [OursFact]
    public async Task It_stops_with_its_parent()
    {
        using Process parent = Process.Start(new ProcessStartInfo("sleep", "600"))!;
        try
        {
            await using CliServer server = await CliServer.StartAsync(
                ["serve", "memory:", "--port", "0", "--parent-pid", parent.Id.ToString(CultureInfo.InvariantCulture)]);
            await using (NpgsqlConnection connection = await server.OpenAsync())
            {
                Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
            }

            parent.Kill();
            await parent.WaitForExitAsync();
            Assert.Equal(0, await server.ExitAsync());
        }
        finally
        {
            parent.Kill();
        }
    }

    [OursFact]
    public async Task The_database_is_created_once()
    {
        using var directory = new TemporaryDirectory();
        for (int round = 1; round <= 2; round++)
        {
            await using CliServer server = await CliServer.StartAsync(
                ["serve", "file:" + directory.Combine("data"), "--port", "0", "--database", "shop"]);
            Assert.EndsWith("/shop", JsonDocument.Parse(server.ReadyLine).RootElement.GetProperty("url").GetString(), StringComparison.Ordinal);
            await using NpgsqlConnection connection = await server.OpenAsync("shop");
            await connection.ExecuteAsync("create table if not exists visits (n int); insert into visits values (1)");
            Assert.Equal(round, await connection.ScalarAsync<long>("select count(*) from visits"));
        }
    }

    [OursFact]
    public async Task Settings_reach_postgres()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "-c", "work_mem=7MB", "-c", "app.name=test"]);
        await using NpgsqlConnection connection = await server.OpenAsync();
        Assert.Equal("7MB", await connection.ScalarAsync<string>("show work_mem"));
        Assert.Equal("test", await connection.ScalarAsync<string>("show app.name"));
    }

    [OursFact]
    public async Task Two_servers_at_once_know_nothing_of_each_other()
    {
        await using CliServer first = await CliServer.StartAsync(["serve", "memory:", "--port", "0"]);
        await using CliServer second = await CliServer.StartAsync(["serve", "memory:", "--port", "0"]);
        await using NpgsqlConnection one = await first.OpenAsync();
        await using NpgsqlConnection other = await second.OpenAsync();
        await one.ExecuteAsync("create table here (v int)");
        await other.ExecuteAsync("select * from here").FailsAsync("42P01");
        const string Identifier = "select system_identifier from pg_control_system()";
        Assert.NotEqual(await one.ScalarAsync<long>(Identifier), await other.ScalarAsync<long>(Identifier));
    }

    [OursFact]
    public async Task It_listens_on_loopback_only()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0"]);
        // /proc/net/tcp: local address in hex, network byte order within the word, then the port; state 0A is LISTEN.
        string port = server.Port.ToString("X4", CultureInfo.InvariantCulture);
        string[] listening = [.. File.ReadLines("/proc/net/tcp").Concat(File.ReadLines("/proc/net/tcp6")).Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > 3 && fields[3] == "0A" && fields[1].EndsWith(":" + port, StringComparison.Ordinal))
            .Select(fields => fields[1].Split(':')[0])];
        Assert.NotEmpty(listening);
        Assert.All(listening, address => Assert.Contains(address, (string[])["0100007F", "00000000000000000000000001000000"]));
    }

    [OursFact]
    public async Task A_service_manager_is_told_when_it_is_ready_and_when_it_stops()
    {
        using var directory = new TemporaryDirectory();
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(directory.Combine("notify")));
        var environment = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = directory.Combine("notify") };
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0"], environment: environment);
        byte[] message = new byte[100];
        int length = await Wait.ForAsync(manager.ReceiveAsync(message), "the first message");
        Assert.Equal("READY=1", Encoding.UTF8.GetString(message, 0, length));
        Task<int> stop = server.StopAsync();
        length = await Wait.ForAsync(manager.ReceiveAsync(message), "the second message");
        Assert.Equal("STOPPING=1", Encoding.UTF8.GetString(message, 0, length));
        Assert.Equal(0, await stop);
    }

    [OursFact]
    public async Task A_service_manager_opens_the_port_and_clients_may_come_before_the_server()
    {
        // As sd_listen_fds(3) has it: the socket is descriptor 3, and the process that is meant has the number in LISTEN_PID.
        const string Manager = """
            import os, socket, sys
            is_both = sys.argv[1] == '::'
            listener = socket.create_server((sys.argv[1], 0), family=socket.AF_INET6 if is_both else socket.AF_INET, dualstack_ipv6=is_both)
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            print(listener.getsockname()[1], flush=True)
            os.execvpe('dotnet', ['dotnet', 'exec'] + sys.argv[2:], {**os.environ, 'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())})
            """;
        var start = new ProcessStartInfo("/usr/bin/python3", ["-c", Manager, "127.0.0.1", CliServer.CliPath, "serve", "memory:"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process server = Process.Start(start)!;
        Task<string> log = server.StandardError.ReadToEndAsync();
        try
        {
            int port = int.Parse((await Wait.ForAsync(server.StandardOutput.ReadLineAsync(), "the port"))!, CultureInfo.InvariantCulture);
            using (var client = new TcpClient(TestServer.Host, port))
            {
                await client.GetStream().WriteAsync(RawTls.StartupPacket);
                byte[] answer = new byte[1];
                await Wait.ForAsync(client.GetStream().ReadExactlyAsync(answer).AsTask(), "an answer", CliServer.StartDeadline);
                Assert.Equal((byte)'R', answer[0]);
            }

            string ready = (await Wait.ForAsync(server.StandardOutput.ReadLineAsync(), "the ready line", CliServer.StartDeadline))!;
            Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"{{\"port\": {port},"), ready, StringComparison.Ordinal);
            Signals.Send(server.Id, Signals.Terminate);
            await Wait.ForAsync(server.WaitForExitAsync(), "the end");
            Assert.Equal((0, true), (server.ExitCode, (await log).Contains("database system is shut down", StringComparison.Ordinal)));
        }
        finally
        {
            server.Kill(entireProcessTree: true);
        }

        await FailsAsync("leave out --host, --port and --no-tcp", "127.0.0.1", "--port", "0");
        await FailsAsync("takes IPv4 and IPv6: write BindIPv6Only=ipv6-only", "::");
        await FailsAsync("can be reached from other machines", "0.0.0.0");

        static async Task FailsAsync(string message, string address, params string[] options)
        {
            ToolResult failed = await Tool.RunAsync("/usr/bin/python3", ["-c", Manager, address, CliServer.CliPath, "serve", "memory:", .. options]);
            Assert.NotEqual(0, failed.ExitCode);
            Assert.Contains(message, failed.Error, StringComparison.Ordinal);
            Assert.Single(failed.Error.TrimEnd().Split('\n'));
        }
    }

    static async Task StopsCleanlyAsync(int signal)
    {
        using var directory = new TemporaryDirectory();
        string url = "file:" + directory.Combine("data");
        await using (CliServer server = await CliServer.StartAsync(["serve", url, "--port", "0"]))
        {
            await using NpgsqlConnection connection = await server.OpenAsync();
            await connection.ExecuteAsync("create table t as select generate_series(1, 1000) v");
            // A fast shutdown: open sessions are ended, not waited for.
            Task session = connection.WaitAsync();
            server.Signal(signal);
            Assert.Equal(0, await server.ExitAsync());
            await session.FailsAsync("57P01");
        }

        await using CliServer again = await CliServer.StartAsync(["serve", url, "--port", "0"]);
        await using NpgsqlConnection check = await again.OpenAsync();
        Assert.Equal(1000, await check.ScalarAsync<long>("select count(*) from t"));
        Assert.False(again.Log.Contains("not properly shut down"), again.Log.Tail);
    }
}
