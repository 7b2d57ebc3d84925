using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Connections before their session: slow, silent, wrong and many clients.</summary>
public class StartupTests
{
    static readonly byte[] Startup = Packet([0, 3, 0, 0, .. "user\0postgres\0database\0postgres\0\0"u8]);
    static readonly byte[] SslRequest = Packet(Number(80877103));
    static readonly byte[] GssRequest = Packet(Number(80877104));

    [OursFact]
    public async Task Connections_that_send_nothing_cost_no_process_and_keep_nobody_out()
    {
        const int count = 2000;
        await using var server = (CliServer)await TestServer.StartAsync(new ServerOptions { Settings = new Dictionary<string, string> { ["max_connections"] = "10" } });
        await using (await server.OpenAsync())
        {
            // Whatever a first session brings is there.
        }

        int most = Math.Min(1280, Descriptors(server.Pid) / 8); // docs/limits.md
        int threads = Threads(server.Pid), mappings = Mappings(server.Pid);
        var silent = new List<Socket>();
        try
        {
            for (int i = 0; i < count; i++)
            {
                silent.Add(await ConnectAsync(server));
                if (i % 3 == 0)
                {
                    await silent[i].SendAsync(Startup.AsMemory(0, 5)); // a beginning is no more than nothing
                }

                if (i % 100 == 50)
                {
                    await using NpgsqlConnection between = await server.OpenAsync();
                    Assert.Equal(1, await between.ScalarAsync<int>("select 1"));
                }
            }

            await Wait.UntilAsync(() => silent.Count(IsClosed) >= count - most, "the oldest are closed");
            Assert.Equal(most, silent.Count(s => !IsClosed(s)));
            Assert.InRange(Threads(server.Pid), 1, threads + 8);
            Assert.InRange(Mappings(server.Pid), 1, mappings + 300); // threads of .NET come and go
            await using NpgsqlConnection session = await server.OpenAsync();
            Assert.Equal(1, await session.ScalarAsync<long>("select count(*) from pg_stat_activity where backend_type = 'client backend'"));

            // The one that has waited least still gets its session.
            await silent[^1].SendAsync(Startup);
            Assert.Equal('R', (char)(await ReadAsync(silent[^1], 1))[0]);
        }
        finally
        {
            silent.ForEach(s => s.Dispose());
        }

        Assert.DoesNotContain("could not accept", server.Log.Tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silent_connections_are_closed_after_the_authentication_timeout()
    {
        using var directory = new TemporaryDirectory();
        await using TestServer server = await TestServer.StartAsync(new ServerOptions
        {
            UnixSocketDirectory = directory.Path,
            Settings = new Dictionary<string, string> { ["authentication_timeout"] = "1s" },
        });
        using Socket tcp = await ConnectAsync(server), unix = await ConnectAsync(server, unix: true), begun = await ConnectAsync(server);
        await begun.SendAsync(Startup.AsMemory(0, 10));
        foreach (Socket s in new[] { tcp, unix, begun })
        {
            await Wait.ForAsync(ReadAsync(s, 0), "the end of a connection that sends nothing");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_startup_packet_may_come_byte_by_byte(bool unix)
    {
        using var directory = new TemporaryDirectory();
        await using TestServer server = await TestServer.StartAsync(new ServerOptions { UnixSocketDirectory = directory.Path });
        using Socket socket = await ConnectAsync(server, unix);
        foreach (byte b in Startup)
        {
            await socket.SendAsync(new[] { b });
            await Task.Yield();
        }

        Assert.Equal('R', (char)(await ReadAsync(socket, 1))[0]);
    }

    [Fact]
    public async Task Requests_for_encryption_are_refused_and_the_session_begins()
    {
        await using TestServer server = await TestServer.StartAsync();
        using Socket socket = await ConnectAsync(server);
        foreach (byte[] request in new[] { GssRequest, SslRequest })
        {
            await socket.SendAsync(request);
            Assert.Equal("N", Encoding.ASCII.GetString(await ReadAsync(socket, 1)));
        }

        await socket.SendAsync(Startup);
        Assert.Equal('R', (char)(await ReadAsync(socket, 1))[0]);
    }

    [Fact]
    public async Task Wrong_requests_end_the_connection()
    {
        await using TestServer server = await TestServer.StartAsync();

        using Socket twice = await ConnectAsync(server);
        await twice.SendAsync(SslRequest);
        Assert.Equal("N", Encoding.ASCII.GetString(await ReadAsync(twice, 1)));
        await twice.SendAsync(SslRequest);
        string answer = await ReadTextAsync(twice);
        Assert.True(TestServer.Native ? answer.Contains("unsupported frontend protocol 1234.5679", StringComparison.Ordinal) : answer.Length == 0, answer);

        using Socket more = await ConnectAsync(server);
        await more.SendAsync((byte[])[.. SslRequest, .. Startup]);
        Assert.Contains("received unencrypted data after SSL request", await ReadTextAsync(more), StringComparison.Ordinal);

        using Socket tooLong = await ConnectAsync(server);
        await tooLong.SendAsync(Number(10_005));
        Assert.Equal("", await ReadTextAsync(tooLong));
        await Wait.UntilAsync(() => server.Log.Contains("invalid length of startup packet"), "the log says so");

        using Socket cut = await ConnectAsync(server);
        await cut.SendAsync(Startup.AsMemory(0, 20));
        cut.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await ReadTextAsync(cut));
        await Wait.UntilAsync(() => server.Log.Contains("incomplete startup packet"), "the log says so");

        using Socket longest = await ConnectAsync(server);
        await longest.SendAsync(Packet([0, 3, 0, 0, .. "user\0postgres\0application_name\0"u8, .. Enumerable.Repeat((byte)'x', 9_900), 0, 0]));
        Assert.Equal('R', (char)(await ReadAsync(longest, 1))[0]);
    }

    [OursFact]
    public async Task Without_descriptors_a_session_is_refused_for_that_reason()
    {
        await using CliServer server = await CliServer.StartAsync(CliServer.ServeArguments(new ServerOptions()), descriptors: 256);
        var sessions = new List<Socket>();
        try
        {
            string refusal = "";
            while (refusal.Length == 0)
            {
                Assert.InRange(sessions.Count, 0, 99);
                sessions.Add(await ConnectAsync(server));
                await sessions[^1].SendAsync(Startup);
                refusal = (await ReadAsync(sessions[^1], 1))[0] == 'E' ? await ReadTextAsync(sessions[^1]) : "";
            }

            Assert.Equal("could not fork new process for connection: No file descriptors available", refusal.Trim('\n', '\0'));
            Assert.True(sessions.Count > 10, $"{sessions.Count} sessions");
        }
        finally
        {
            sessions.ForEach(s => s.Dispose());
        }

        // Those that ended left room.
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    await using NpgsqlConnection again = await server.OpenAsync();
                    return true;
                }
                catch (NpgsqlException)
                {
                    return false;
                }
            },
            "a session again");
    }

    static byte[] Number(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    static byte[] Packet(byte[] body) => [.. Number(body.Length + 4), .. body];

    static async Task<Socket> ConnectAsync(TestServer server, bool unix = false)
    {
        var socket = new Socket(unix ? AddressFamily.Unix : AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
        if (unix)
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(server.UnixSocketDirectory!, $".s.PGSQL.{server.Port}")));
        }
        else
        {
            await socket.ConnectAsync(TestServer.Host, server.Port);
            socket.NoDelay = true;
        }

        return socket;
    }

    static bool IsClosed(Socket socket) => socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0;

    /// <summary>So many bytes; 0: reads until the end.</summary>
    static async Task<byte[]> ReadAsync(Socket socket, int count)
    {
        var all = new List<byte>();
        byte[] buffer = new byte[4096];
        while (count == 0 || all.Count < count)
        {
            int n = await Wait.ForAsync(ReceiveAsync(socket, buffer.AsMemory(0, count == 0 ? buffer.Length : count - all.Count)), "an answer");
            if (n == 0)
            {
                Assert.True(count == 0, "the connection ended");
                break;
            }

            all.AddRange(buffer[..n]);
        }

        return [.. all];
    }

    // A server that closes a socket with unread bytes resets the connection.
    static async Task<int> ReceiveAsync(Socket socket, Memory<byte> buffer)
    {
        try
        {
            return await socket.ReceiveAsync(buffer);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }

    static async Task<string> ReadTextAsync(Socket socket) => Encoding.UTF8.GetString(await ReadAsync(socket, 0));

    static int Mappings(int pid) => File.ReadLines($"/proc/{pid}/maps").Count();

    // "Max open files            20000                20000                files"
    static int Descriptors(int pid) => int.Parse(
        File.ReadLines($"/proc/{pid}/limits").Single(l => l.StartsWith("Max open files", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], CultureInfo.InvariantCulture);

    static int Threads(int pid) => Directory.GetDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/task")).Length;
}
