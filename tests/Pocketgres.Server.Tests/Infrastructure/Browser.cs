using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>A page in headless Chromium, driven by the DevTools protocol: messages of JSON over a web socket.</summary>
sealed class Browser : IAsyncDisposable
{
    readonly TemporaryDirectory _profile = new();
    readonly ClientWebSocket _socket = new();
    readonly CancellationTokenSource _closed = new();
    readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode>> _calls = new();
    Process _process = null!;
    Task _reading = Task.CompletedTask;
    string? _session;
    int _lastId;

    /// <summary>What the browser complained about: errors of scripts, what the policy kept from being loaded, dialogs.</summary>
    public ConcurrentQueue<string> Complaints { get; } = new();

    /// <summary>Starts a browser with one empty page.</summary>
    public static async Task<Browser> StartAsync(string program)
    {
        var browser = new Browser();
        try
        {
            await browser.OpenAsync(program);
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    async Task OpenAsync(string program)
    {
        _process = Process.Start(new ProcessStartInfo(program,
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--remote-debugging-port=0", "--user-data-dir=" + _profile.Path, "about:blank",
        ]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string? line;
        while ((line = await Wait.ForAsync(_process.StandardError.ReadLineAsync(), "the browser's address", TestServer.StartDeadline)) is not null && !line.StartsWith("DevTools listening on ", StringComparison.Ordinal))
        {
        }

        Assert.NotNull(line);
        _ = _process.StandardError.ReadToEndAsync();
        await _socket.ConnectAsync(new Uri(line["DevTools listening on ".Length..]), CancellationToken.None);
        _reading = ReadAsync();
        string target = (string)(await CallAsync("Target.createTarget", new() { ["url"] = "about:blank" }))["targetId"]!;
        _session = (string)(await CallAsync("Target.attachToTarget", new() { ["targetId"] = target, ["flatten"] = true }))["sessionId"]!;
        foreach (string domain in (string[])["Page", "Runtime", "Log"])
        {
            await CallAsync(domain + ".enable", []);
        }
    }

    public Task GoAsync(string url) => CallAsync("Page.navigate", new() { ["url"] = url });

    /// <summary>How wide the window is, and whether the user likes it dark.</summary>
    public async Task LookAsync(int width, bool isDark)
    {
        await CallAsync("Emulation.setDeviceMetricsOverride", new() { ["width"] = width, ["height"] = 800, ["deviceScaleFactor"] = 1, ["mobile"] = false });
        await CallAsync("Emulation.setEmulatedMedia", new() { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = isDark ? "dark" : "light" }) });
    }

    /// <summary>The value of an expression in the page, as text.</summary>
    public async Task<string> EvaluateAsync(string expression) =>
        (await CallAsync("Runtime.evaluate", new() { ["expression"] = $"String({expression})", ["awaitPromise"] = true }))["result"]!["value"]!.GetValue<string>();

    /// <summary>Waits until an expression is true; it may fail meanwhile, while a page is loaded.</summary>
    public Task UntilAsync(string expression, string what) => Wait.UntilAsync(async () => await EvaluateAsync($"(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()") == "true", what);

    public async Task ScreenshotAsync(string path) =>
        await File.WriteAllBytesAsync(path, Convert.FromBase64String((string)(await CallAsync("Page.captureScreenshot", []))["data"]!));

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await Record.ExceptionAsync(() => _reading);
        _socket.Dispose();
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _closed.Dispose();
        _profile.Dispose();
    }

    async Task<JsonNode> CallAsync(string method, JsonObject parameters)
    {
        int id = Interlocked.Increment(ref _lastId);
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        if (_session is not null)
        {
            message["sessionId"] = _session;
        }

        TaskCompletionSource<JsonNode> answer = _calls[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true, _closed.Token);
        return await Wait.ForAsync(answer.Task, method);
    }

    async Task ReadAsync()
    {
        byte[] buffer = new byte[1 << 16];
        while (true)
        {
            using var message = new MemoryStream();
            ValueWebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(buffer.AsMemory(), _closed.Token);
                message.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);

            JsonNode json = JsonNode.Parse(message.ToArray())!;
            if (json["id"] is { } id && _calls.TryRemove(id.GetValue<int>(), out TaskCompletionSource<JsonNode>? call))
            {
                _ = json["error"] is { } error ? call.TrySetException(new JsonException(error.ToJsonString())) : call.TrySetResult(json["result"]!);
            }
            else if ((string?)json["method"] is "Log.entryAdded" or "Runtime.exceptionThrown" or "Page.javascriptDialogOpening")
            {
                Complaints.Enqueue(json["params"]!.ToJsonString());
            }
        }
    }
}
