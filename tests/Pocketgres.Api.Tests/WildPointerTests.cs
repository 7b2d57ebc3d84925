using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Pocketgres.Api.Tests.Support;

namespace Pocketgres.Api.Tests;

/// <summary>
/// PostgreSQL's own functions, called with addresses that lead nowhere: the crash of a backend, which its cluster recovers from, while another cluster of the same
/// .NET process goes on. POCKETGRES_WILD_POINTERS times; 1,000 is the bar.
/// </summary>
public sealed class WildPointerTests
{
    private static int Rounds { get; } =
        Environment.GetEnvironmentVariable("POCKETGRES_WILD_POINTERS") is { Length: > 0 } n ? int.Parse(n, CultureInfo.InvariantCulture) : 8;

    [Fact]
    public async Task Wild_loads_and_stores_of_a_backend_end_that_backend()
    {
        using var log = new LogLines();
        using var loggers = LoggerFactory.Create(b => b.AddProvider(log));
        await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", LoggerFactory = loggers });
        await using var other = await PostgresInstance.StartAsync("memory:");

        // C functions of other types: an int4 is taken for a text's address, and for the address of a result.
        await pg.ExecuteAsync("""
            CREATE FUNCTION load(int4) RETURNS cstring LANGUAGE internal STRICT AS 'textout';
            CREATE FUNCTION store(int4[], int4, int4) RETURNS int4 LANGUAGE internal STRICT AS 'ginarrayextract';
            CREATE TABLE crash (n int)
            """);
        using var stop = new CancellationTokenSource();
        var neighbour = CountAsync(other, stop.Token);
        var random = new Random(11);
        for (int i = 1; i <= Rounds; i++)
        {
            int address = unchecked((int)(uint)random.NextInt64(1L << 30, 1L << 32));
            await pg.ExecuteAsync($"INSERT INTO crash VALUES ({i})");
            string wild = i % 2 == 0 ? $"SELECT load({address})::text" : $"SELECT store('{{1,2}}', {address}, {address})";
            var lost = await Assert.ThrowsAnyAsync<NpgsqlException>(() => pg.ExecuteAsync(wild));
            Assert.False(lost is PostgresException, $"{wild}: {lost}"); // not an error of the server: the connection broke
            await AnswersAsync(pg);
            Assert.Equal(i, log.Lines.Count(l => l.Contains("was terminated by signal 11", StringComparison.Ordinal)));
            Assert.Equal(i, await pg.QueryAsync<long>("SELECT count(*) FROM crash"));
        }

        Assert.Equal(PostgresInstanceState.Running, pg.State);
        await stop.CancelAsync();
        Assert.InRange(await neighbour, 1, long.MaxValue); // no connection of it broke
        string crash = log.Lines.First(l => l.Contains("segmentation fault at address 0x", StringComparison.Ordinal));
        Assert.Contains("(memory ends at 0x", crash, StringComparison.Ordinal);
        Assert.Contains(log.Lines, l => l.Contains("ginarrayextract", StringComparison.Ordinal)); // where
    }

    private static async Task<long> CountAsync(PostgresInstance instance, CancellationToken stop)
    {
        await using var connection = await instance.DataSource.OpenConnectionAsync(CancellationToken.None);
        await using var command = new NpgsqlCommand("SELECT count(*) FROM generate_series(1, 1000)", connection);
        long rounds = 0;
        for (; !stop.IsCancellationRequested; rounds++)
        {
            Assert.Equal(1000L, await command.ExecuteScalarAsync(CancellationToken.None));
        }

        return rounds;
    }

    // Connections are refused until recovery is done, and those of the pool died with the cluster.
    private static async Task AnswersAsync(PostgresInstance instance)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (true)
        {
            try
            {
                instance.DataSource.Clear();
                await instance.ExecuteAsync("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (!patience.IsCancellationRequested)
            {
                await Task.Yield();
            }
        }
    }

    private sealed class LogLines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
