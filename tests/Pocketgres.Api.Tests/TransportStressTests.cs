using System.Collections.Concurrent;
using System.Globalization;
using Pocketgres.Api.Tests.Support;

namespace Pocketgres.Api.Tests;

/// <summary>
/// Many sessions at once, through memory or the socket, with everything that cuts an exchange short: cancellation, time limits, errors, readers that stop early, sessions
/// that are ended. No byte may be wrong, no acknowledged change lost, no session left.
/// </summary>
public sealed class TransportStressTests
{
    private static readonly TimeSpan s_length = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(60); // on a busy machine, until each outcome was seen
    private static readonly string[] s_outcomes = ["done", "cancelled", "failed", "ended"];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Nothing_is_mixed_up_lost_or_left(bool throughMemory)
    {
        await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions
        {
            Url = "memory:",
            ConfigureConnection = c => c.MaxPoolSize = 12,
            UseMemoryTransport = throughMemory,
        });
        await pg.ExecuteAsync("CREATE TABLE counter (n bigint NOT NULL); INSERT INTO counter VALUES (0)");
        var outcomes = new ConcurrentDictionary<string, bool>();
        var workers = Enumerable.Range(0, 8).Select(i => new Worker(pg, i, outcomes)).ToArray();
        DateTime start = DateTime.UtcNow, end = start + s_length, latest = start + s_longest;
        await Task.WhenAll(workers.Select(w => Task.Run(() => w.RunAsync(end, latest))));
        Assert.Equal(workers.Sum(w => w.Increments), await pg.QueryAsync<long>("SELECT n FROM counter"));
        Assert.Equal(s_outcomes.Order(), outcomes.Keys.Order());

        pg.DataSource.Clear();
        await using var watcher = new NpgsqlConnection(pg.ConnectionString + ";Pooling=false");
        await watcher.OpenAsync();
        var deadline = DateTime.UtcNow.AddSeconds(60);
        await using var count = new NpgsqlCommand("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", watcher);
        while (!1L.Equals(await count.ExecuteScalarAsync()))
        {
            Assert.True(DateTime.UtcNow < deadline, "sessions without clients");
            await Task.Delay(5);
        }
    }

    private sealed class Worker(PostgresInstance pg, int seed, ConcurrentDictionary<string, bool> outcomes)
    {
        private readonly Random _random = new(seed);

        public long Increments { get; private set; }

        public async Task RunAsync(DateTime end, DateTime latest)
        {
            while (DateTime.UtcNow < end || (outcomes.Count < s_outcomes.Length && DateTime.UtcNow < latest))
            {
                try
                {
                    bool synchronous = _random.Next(2) == 0;
                    await using var connection = synchronous ? pg.DataSource.OpenConnection() : await pg.DataSource.OpenConnectionAsync();
                    for (int i = 0; i < 20; i++)
                    {
                        await StepAsync(connection, synchronous);
                        Saw("done");
                    }
                }
                catch (OperationCanceledException)
                {
                    Saw("cancelled");
                }
                catch (NpgsqlException e) when (e is PostgresException { SqlState: PostgresErrorCodes.AdminShutdown } || e.InnerException is IOException)
                {
                    Saw("ended");
                }
            }
        }

        private Task StepAsync(NpgsqlConnection connection, bool synchronous) => _random.Next(7) switch
        {
            0 => CancelAsync(connection),
            1 => EchoAsync(connection, synchronous),
            2 => IncrementAsync(connection, synchronous),
            3 => BatchAsync(connection, synchronous),
            4 => StopEarlyAsync(connection, synchronous),
            5 => FailAsync(connection, synchronous),
            _ => _random.Next(5) == 0 ? EndAsync(connection) : Task.CompletedTask,
        };

        private async Task CancelAsync(NpgsqlConnection connection)
        {
            using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(_random.Next(20)));
            await using var command = new NpgsqlCommand("SELECT sum(i) FROM generate_series(1, 100000) i, generate_series(1, 20)", connection);
            await command.ExecuteScalarAsync(cancel.Token);
        }

        private async Task EchoAsync(NpgsqlConnection connection, bool synchronous)
        {
            byte[] bytes = new byte[_random.Next(500_000)];
            _random.NextBytes(bytes);
            await using var command = new NpgsqlCommand("SELECT $1", connection) { Parameters = { new() { Value = bytes } } };
            Assert.Equal(bytes, synchronous ? command.ExecuteScalar() : await command.ExecuteScalarAsync());
        }

        private async Task IncrementAsync(NpgsqlConnection connection, bool synchronous)
        {
            await using var command = new NpgsqlCommand("UPDATE counter SET n = n + 1", connection);
            Assert.Equal(1, synchronous ? command.ExecuteNonQuery() : await command.ExecuteNonQueryAsync());
            Increments++;
        }

        private async Task BatchAsync(NpgsqlConnection connection, bool synchronous)
        {
            await using var batch = new NpgsqlBatch(connection);
            for (int i = 0; i < 50; i++)
            {
                batch.BatchCommands.Add(new NpgsqlBatchCommand(string.Create(CultureInfo.InvariantCulture, $"SELECT {i}, repeat('x', {_random.Next(2000)})")));
            }

            await using var reader = synchronous ? batch.ExecuteReader() : await batch.ExecuteReaderAsync();
            for (int i = 0; i < 50; i++)
            {
                Assert.True(synchronous ? reader.Read() : await reader.ReadAsync());
                Assert.Equal(i, reader.GetInt32(0));
                Assert.Equal(i < 49, synchronous ? reader.NextResult() : await reader.NextResultAsync());
            }
        }

        private async Task StopEarlyAsync(NpgsqlConnection connection, bool synchronous)
        {
            int rows = _random.Next(5000), stop = _random.Next(2) == 0 ? _random.Next(5000) : int.MaxValue;
            await using var command = new NpgsqlCommand("SELECT i, md5(i::text) FROM generate_series(1, $1) i", connection) { Parameters = { new() { Value = rows } } };
            await using var reader = synchronous ? command.ExecuteReader() : await command.ExecuteReaderAsync();
            int read = 0;
            while (read < stop && (synchronous ? reader.Read() : await reader.ReadAsync()))
            {
                Assert.Equal(++read, reader.GetInt32(0));
            }

            Assert.Equal(Math.Min(rows, stop), read);
        }

        private async Task FailAsync(NpgsqlConnection connection, bool synchronous)
        {
            await using var command = new NpgsqlCommand("SELECT 1 / 0", connection);
            var e = await Assert.ThrowsAsync<PostgresException>(async () => _ = synchronous ? command.ExecuteScalar() : await command.ExecuteScalarAsync());
            Assert.Equal(PostgresErrorCodes.DivisionByZero, e.SqlState);
            Saw("failed");
        }

        private static async Task EndAsync(NpgsqlConnection connection)
        {
            await using var command = new NpgsqlCommand("SELECT pg_terminate_backend(pg_backend_pid())", connection);
            await command.ExecuteScalarAsync();
        }

        private void Saw(string outcome) => outcomes[outcome] = true;
    }
}
