using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Pocketgres.ObjectStore.Transport;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores.Transport;

/// <summary>Connections to servers that behave as servers do.</summary>
public class DirectTransportTests
{
    const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Requests_are_sent_as_they_should_be()
    {
        var heads = new ConcurrentQueue<string>();
        byte[] got = [];
        using var server = new RawHttpServer(async (head, stream) =>
        {
            heads.Enqueue(head);
            got = await RawHttpServer.ReadBodyAsync(head, stream);
            await RawHttpServer.SendAsync(stream, Ok);
            return true;
        });
        using var transport = Open(server);
        var response = await transport.SendAsync(new StoreRequest("GET", "/b/k%20?x=1", [("host", "store"), ("range", "bytes=0-9")], default), s_patience, default);
        Assert.Equal((200, "ok"), (response.Status, Encoding.Latin1.GetString(response.Body)));
        foreach (int length in (int[])[0, 1, 1000, 16 << 10, (16 << 10) + 1, 5_000_000])
        {
            byte[] body = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7))];
            await transport.SendAsync(new StoreRequest("PUT", "/b/k", [("host", "store")], body), s_patience, default);
            Assert.Equal(body, got);
        }

        await transport.SendAsync(new StoreRequest("DELETE", "/b/k", [("host", "store")], default), s_patience, default);
        Assert.Equal("GET /b/k%20?x=1 HTTP/1.1\r\nhost: store\r\nrange: bytes=0-9\r\n\r\n", heads.First());
        Assert.Equal("PUT /b/k HTTP/1.1\r\nhost: store\r\ncontent-length: 0\r\n\r\n", heads.ElementAt(1));
        Assert.Equal("DELETE /b/k HTTP/1.1\r\nhost: store\r\n\r\n", heads.Last());
    }

    [Fact]
    public async Task One_request_after_the_other_uses_one_connection()
    {
        var used = new ConcurrentDictionary<Stream, bool>();
        using var server = new RawHttpServer(async (_, stream) =>
        {
            used.TryAdd(stream, true);
            await RawHttpServer.SendAsync(stream, Ok);
            return true;
        });
        using var transport = Open(server);
        for (int i = 0; i < 20; i++)
        {
            await GetAsync(transport);
        }

        Assert.Single(used);
    }

    [Fact]
    public async Task Many_requests_at_once_use_as_many_connections_and_keep_them()
    {
        const int Many = 40;
        var all = new TaskCompletionSource();
        int waiting = 0;
        using var server = new RawHttpServer(async (_, stream) =>
        {
            if (Interlocked.Increment(ref waiting) == Many)
            {
                all.SetResult();
            }

            await all.Task;
            await RawHttpServer.SendAsync(stream, Ok);
            return true;
        });
        using var transport = Open(server);
        await Task.WhenAll(Enumerable.Range(0, Many).Select(_ => GetAsync(transport)));
        await Task.WhenAll(Enumerable.Range(0, Many).Select(_ => GetAsync(transport)));
        Assert.Equal(Many, server.Open);
        transport.Dispose();
        await Wait.UntilAsync(() => Task.FromResult(server.Open == 0), "all connections are closed");
        await Assert.ThrowsAsync<ObjectDisposedException>(() => GetAsync(transport));
    }

    [Fact]
    public async Task Connections_that_nobody_uses_are_closed()
    {
        using var server = new RawHttpServer(async (_, stream) =>
        {
            await RawHttpServer.SendAsync(stream, Ok);
            return true;
        });
        using var transport = new DirectTransport(new HttpOrigin(false, "127.0.0.1", server.Port), TimeSpan.FromMilliseconds(100));
        for (int i = 0; i < 2; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => GetAsync(transport)));
            await Wait.UntilAsync(() => Task.FromResult(server.Open == 0), "all connections are closed");
        }

        using var unused = new DirectTransport(new HttpOrigin(false, "127.0.0.1", server.Port));
        await Wait.UntilAsync(() => Task.FromResult(server.Open == 5), "connections are made ahead");
        unused.Dispose();
        await Wait.UntilAsync(() => Task.FromResult(server.Open == 0), "those that nobody has used are closed");
    }

    [Fact]
    public async Task A_connection_that_the_server_has_closed_meanwhile_loses_no_request()
    {
        var closed = new SemaphoreSlim(0);
        using var server = new RawHttpServer(async (_, stream) =>
        {
            await RawHttpServer.SendAsync(stream, Ok); // and does not say that it is the last one
            stream.Dispose();
            closed.Release();
            return false;
        });
        using var transport = Open(server);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(200, (await GetAsync(transport)).Status);
            await closed.WaitAsync();
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more than that")]
    public async Task A_connection_that_ends_with_its_answer_is_not_used_again(string answer)
    {
        var used = new ConcurrentDictionary<Stream, int>();
        using var server = new RawHttpServer(async (_, stream) =>
        {
            used.AddOrUpdate(stream, 1, (_, n) => n + 1);
            await RawHttpServer.SendAsync(stream, answer);
            return true;
        });
        using var transport = Open(server);
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal(200, (await GetAsync(transport)).Status);
        }

        Assert.All(used.Values, n => Assert.Equal(1, n));
    }

    [Fact]
    public async Task Who_refuses_a_large_body_before_it_has_come_is_understood()
    {
        var end = new TaskCompletionSource();
        using var server = new RawHttpServer(async (_, stream) =>
        {
            await RawHttpServer.SendAsync(stream, "HTTP/1.1 503 Slow Down\r\nContent-Length: 4\r\n\r\nslow");
            await end.Task; // nothing of the body is read
            return false;
        });
        using var transport = Open(server);
        var response = await transport.SendAsync(new StoreRequest("PUT", "/k", [("host", "store")], new byte[64 << 20]), s_patience, default);
        Assert.Equal((503, "slow"), (response.Status, Encoding.Latin1.GetString(response.Body)));
        end.SetResult();
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false)]
    [InlineData("", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true)]
    public async Task Who_does_not_answer_is_given_up(string begin, bool isCancelled)
    {
        var begun = new TaskCompletionSource();
        var closed = new TaskCompletionSource();
        using var server = new RawHttpServer(async (_, stream) =>
        {
            await RawHttpServer.SendAsync(stream, begin);
            begun.TrySetResult();
            await RawHttpServer.UntilClosedAsync(stream);
            closed.SetResult();
            return false;
        });
        using var transport = Open(server);
        using var cancelling = new CancellationTokenSource();
        var sending = transport.SendAsync(new StoreRequest("GET", "/k", [("host", "store")], default), isCancelled ? s_patience : TimeSpan.FromSeconds(1), cancelling.Token);
        if (isCancelled)
        {
            await begun.Task;
            await cancelling.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);
        }
        else
        {
            Assert.Contains("no answer within 1 s", (await Assert.ThrowsAsync<IOException>(() => sending)).Message, StringComparison.Ordinal);
        }

        await closed.Task.WaitAsync(s_patience);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")]
    [InlineData("what?\r\n\r\n")]
    public async Task Who_closes_or_says_something_else_is_an_error(string answer)
    {
        using var server = new RawHttpServer(async (_, stream) =>
        {
            await RawHttpServer.SendAsync(stream, answer);
            return false;
        });
        using var transport = Open(server);
        await Assert.ThrowsAsync<IOException>(() => GetAsync(transport));
        await Assert.ThrowsAsync<IOException>(() => transport.SendAsync(new StoreRequest("PUT", "/k", [("host", "store")], new byte[1 << 20]), s_patience, default));
    }

    [Fact]
    public async Task Where_nobody_listens_is_an_error()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var transport = new DirectTransport(new HttpOrigin(false, "127.0.0.1", port));
        for (int i = 0; i < 7; i++) // those that were made ahead, too
        {
            Assert.Contains("refused", (await Assert.ThrowsAsync<IOException>(() => GetAsync(transport))).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_name_that_is_none_is_an_error()
    {
        using var transport = new DirectTransport(new HttpOrigin(false, "none.invalid", 80));
        await Assert.ThrowsAsync<IOException>(() => GetAsync(transport));
    }

    [Fact]
    public async Task A_line_break_in_a_value_is_refused_and_nothing_is_sent()
    {
        using var server = new RawHttpServer((_, _) => Task.FromResult(false));
        using var transport = Open(server);
        foreach (string value in (string[])["a\r\nx: y", "a\n", "\ra"])
        {
            var e = await Assert.ThrowsAsync<IOException>(
                () => transport.SendAsync(new StoreRequest("GET", "/k", [("x-amz-security-token", value)], default), s_patience, default));
            Assert.Contains("x-amz-security-token", e.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, server.Requests);
    }

    static DirectTransport Open(RawHttpServer server) => new(new HttpOrigin(false, "127.0.0.1", server.Port));

    static Task<StoreResponse> GetAsync(DirectTransport transport) =>
        transport.SendAsync(new StoreRequest("GET", "/k", [("host", "store")], default), s_patience, default);
}
