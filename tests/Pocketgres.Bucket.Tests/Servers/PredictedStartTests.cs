using System.Globalization;
using Pocketgres.Bucket.Formats;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Engine;
using Pocketgres.Kernel.Files;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>`pocketgres serve s3:` behind a clean close: it starts while the store is still asked whose the cluster is, and nobody sees or does anything before that is known.</summary>
public sealed class PredictedStartTests : IDisposable
{
    const string Prefix = "bucket/cluster/", Hint = Prefix + Keys.Head;

    readonly MemoryObjectStore _kept = new();
    readonly S3Server _server;
    Func<string, string, Task> _before = (_, _) => Task.CompletedTask;

    public PredictedStartTests() => _server = TestCredentials.Serve(new WatchedStore(_kept, (request, key) => _before(request, key)));

    public void Dispose()
    {
        _server.Dispose();
        _kept.Dispose();
    }

    [Fact]
    public async Task Nobody_is_let_in_and_nothing_is_written_before_the_fence_is_there()
    {
        await MakeAsync();
        using var held = new HeldFence(this);
        using var sockets = new TemporaryDirectory();
        var starting = CliServer.StartAsync(Arguments("--unix-socket-dir", sockets.Path));
        await Wait.UntilAsync(() => held.IsAsked && Directory.GetFiles(sockets.Path, ".s.PGSQL.*").Any(p => !p.EndsWith(".lock", StringComparison.Ordinal)), "the server starts");
        int port = int.Parse(Path.GetFileName(Directory.GetFiles(sockets.Path, "*.lock")[0]).Split('.')[3], CultureInfo.InvariantCulture);
        for (int i = 0; i < 20; i++)
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(async () =>
            {
                await using var early = new NpgsqlConnection($"Host={sockets.Path};Port={port};Username=postgres;Pooling=false");
                await early.OpenAsync();
            });
            Assert.Equal(PostgresErrorCodes.CannotConnectNow, refused.SqlState);
            await Task.Delay(20);
        }

        Assert.False(starting.IsCompleted);
        Assert.Empty(held.Written);
        held.Release();
        await using var server = await starting;
        Assert.Equal("1", await RowsAsync(server));
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task Who_was_ahead_has_it_and_the_other_ends()
    {
        await MakeAsync();
        using var held = new HeldFence(this);
        var refused = CliServer.RunToEndAsync([.. Arguments()]);
        await Wait.UntilAsync(() => held.IsAsked, "the server starts");
        await using (var ahead = await CliServer.StartAsync(Arguments()))
        {
            await InsertAsync(ahead, 2);
            held.Release();
            var result = await refused;
            Assert.Equal(4, result.ExitCode);
            Assert.Contains("another process has just opened", result.Error, StringComparison.Ordinal);
            await InsertAsync(ahead, 3);
            Assert.Equal(0, await ahead.StopAsync());
        }

        await using var last = await CliServer.StartAsync(Arguments());
        Assert.Equal("1, 2, 3", await RowsAsync(last));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_hint_that_is_out_of_date_costs_a_second_start_and_no_row(bool isClosedAgain)
    {
        await MakeAsync();
        byte[] hint = (await _kept.GetAsync(Hint))!.Content;
        await using (var between = await CliServer.StartAsync(Arguments()))
        {
            await InsertAsync(between, 2);
            await (isClosedAgain ? between.StopAsync() : between.KillAsync());
        }

        await _kept.PutAsync(Hint, hint);
        await using var server = await CliServer.StartAsync(Arguments());
        Assert.Equal("1, 2", await RowsAsync(server));
        Assert.Contains("opened by others since", server.Log.Tail, StringComparison.Ordinal);
        await InsertAsync(server, 3);
        await server.KillAsync();
        await using var last = await CliServer.StartAsync(Arguments());
        Assert.Equal("1, 2, 3", await RowsAsync(last));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_hint_that_is_out_of_date_is_noticed_when_the_store_says_so_at_once(bool isOutOfDate)
    {
        const string later = "/later.conf";
        var said = new List<string>();
        using var store = new MemoryObjectStore(); // answers before the call returns, so that all is known when the opener first looks
        await using (var made = await BucketCluster.OpenAsync(store, "", new BucketOptions(), EngineFiles.Default, null))
        {
            FileTree.WriteAll(made.Files, "/sooner.conf", [1], 0x180, sync: true); // else the first image is the last, and its hint has no copies
            await made.CloseAsync();
        }

        byte[] hint = (await store.GetAsync(Keys.Head))!.Content;
        await using (var between = await BucketCluster.OpenAsync(store, "", new BucketOptions(), EngineFiles.Default, null, mayPredict: true))
        {
            FileTree.WriteAll(between.Files, later, [1], 0x180, sync: true);
            await between.CloseAsync();
        }

        if (isOutOfDate)
        {
            await store.PutAsync(Keys.Head, hint);
        }

        await using var last = await BucketCluster.OpenAsync(store, "", new BucketOptions(), EngineFiles.Default, said.Add, mayPredict: true);
        Assert.Equal(!isOutOfDate, FileTree.Exists(last.Files, later));
        Assert.Equal(!isOutOfDate, await last.Taken);
        Assert.Equal(isOutOfDate, said.Any(line => line.Contains("opened by others since", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_start_that_waits_for_the_fence_can_be_stopped_and_be_killed()
    {
        await MakeAsync();
        foreach (int signal in (int[])[Signals.Terminate, Signals.Quit, Signals.Kill])
        {
            using var held = new HeldFence(this);
            using var sockets = new TemporaryDirectory();
            using var process = CliServer.StartProcess([.. Arguments("--unix-socket-dir", sockets.Path)]);
            await Wait.UntilAsync(() => held.IsAsked && Directory.GetFiles(sockets.Path).Length > 1, "the server starts");
            Signals.Send(process.Id, signal);
            await Wait.ForAsync(process.WaitForExitAsync(), "the start is given up");
            Assert.Equal(signal == Signals.Kill ? 128 + 9 : 0, process.ExitCode);
            Assert.Empty(held.Written);
        }

        await using var last = await CliServer.StartAsync(Arguments());
        Assert.Equal("1", await RowsAsync(last));
    }

    [Fact]
    public async Task A_copy_of_the_boot_pack_that_is_damaged_is_read_from_its_object()
    {
        await MakeAsync();
        var head = Head.Decode((await _kept.GetAsync(Hint))!.Content)!;
        var packs = new List<string>();
        _before = (request, key) =>
        {
            if (request == "get" && key == Prefix + head.BootPack)
            {
                lock (packs)
                {
                    packs.Add(key);
                }
            }

            return Task.CompletedTask;
        };
        foreach (byte[] copy in (byte[][])[head.Boot.ToArray(), [.. head.Boot.Span[..^100]], [.. head.Boot.ToArray().Select(b => (byte)~b)]])
        {
            bool isWhole = copy.AsSpan().SequenceEqual(head.Boot.Span);
            await _kept.PutAsync(Hint, (head with { Boot = copy }).Encode());
            packs.Clear();
            await using var server = await CliServer.StartAsync(Arguments());
            Assert.Equal("1", await RowsAsync(server));
            Assert.Equal(isWhole ? 0 : 1, packs.Count);
            Assert.DoesNotContain("damaged", server.Log.Tail, StringComparison.Ordinal);
            Assert.Equal(0, await server.StopAsync());
            head = Head.Decode((await _kept.GetAsync(Hint))!.Content)!;
        }
    }

    async Task MakeAsync()
    {
        await using var made = await CliServer.StartAsync(Arguments());
        await using (var session = await made.OpenAsync())
        {
            await session.ExecuteAsync("create table t (i int); insert into t values (1)");
            await session.CloseAsync();
        }

        Assert.Equal(0, await made.StopAsync());
    }

    static async Task InsertAsync(CliServer server, int row)
    {
        await using var session = await server.OpenAsync();
        await session.ExecuteAsync($"insert into t values ({row})");
        await session.CloseAsync();
    }

    static async Task<string> RowsAsync(CliServer server)
    {
        await using var session = await server.OpenAsync();
        string rows = await session.ScalarAsync<string>("select string_agg(i::text, ', ' order by i) from t");
        await session.CloseAsync();
        return rows;
    }

    IReadOnlyList<string> Arguments(params string[] more) =>
    [
        "serve", $"s3://bucket/cluster?endpoint=http://127.0.0.1:{_server.Port}&puts=0", "--port", "0",
        "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture), .. more,
    ];

    // Lets the first fence that is asked for wait, and takes down what is written meanwhile by whoever waits.
    sealed class HeldFence : IDisposable
    {
        readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly List<string> _written = [];
        int _asked;

        public HeldFence(PredictedStartTests tests) => tests._before = BeforeAsync;

        public bool IsAsked => Volatile.Read(ref _asked) > 0;

        public IReadOnlyList<string> Written
        {
            get
            {
                lock (_written)
                {
                    return [.. _written];
                }
            }
        }

        public void Release() => _released.TrySetResult();

        public void Dispose() => Release();

        async Task BeforeAsync(string request, string key)
        {
            if (request == "create" && key.StartsWith(Prefix + Keys.Log, StringComparison.Ordinal) && Interlocked.Increment(ref _asked) == 1)
            {
                await _released.Task;
            }
            else if (request is "create" or "put" or "delete" && !_released.Task.IsCompleted)
            {
                lock (_written)
                {
                    _written.Add($"{request} {key}");
                }
            }
        }
    }
}
