using System.Globalization;
using System.Threading.Channels;
using Npgsql;

namespace Pocketgres.Live;

/// <summary>A transaction that was committed.</summary>
/// <param name="Transaction">Its number.</param>
/// <param name="Tables">The tables it changed.</param>
/// <param name="IsNew">Whether one of them was never heard of before.</param>
internal sealed record Commit(uint Transaction, IReadOnlyList<string> Tables, bool IsNew);

/// <summary>
/// Passes on commits that the log has told of when other sessions see them: the log has a commit earlier than they do, by as much as a synchronous standby or a bucket takes, and not in their order.
/// One session asks for all; no more commits wait than the server has sessions.
/// </summary>
internal sealed class VisibleCommits : IAsyncDisposable
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(32);

    private readonly Channel<Commit> _commits = Channel.CreateUnbounded<Commit>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly NpgsqlConnection _connection;

    private VisibleCommits(NpgsqlConnection connection) => _connection = connection;

    /// <summary>Opens the session.</summary>
    public static async Task<VisibleCommits> OpenAsync(string connectionString, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return new VisibleCommits(connection);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a commit of the log.</summary>
    public void Add(Commit commit) => _commits.Writer.TryWrite(commit);

    /// <summary>Passes commits on until cancelled.</summary>
    public async Task PassOnAsync(Action<Commit> pass, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_catalog.pg_current_snapshot()::text", _connection);
        await command.PrepareAsync(cancellationToken);
        var waiting = new List<Commit>();
        var pause = s_shortestPause;
        while (true)
        {
            if (waiting.Count == 0)
            {
                await _commits.Reader.WaitToReadAsync(cancellationToken);
            }

            while (_commits.Reader.TryRead(out var commit))
            {
                waiting.Add(commit);
            }

            var snapshot = Snapshot.Parse((string)(await command.ExecuteScalarAsync(cancellationToken))!);
            var seen = waiting.Where(c => snapshot.Sees(c.Transaction)).ToList();
            waiting.RemoveAll(c => snapshot.Sees(c.Transaction));
            seen.ForEach(pass);
            pause = seen.Count > 0 ? s_shortestPause : TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, s_longestPause.Ticks));
            await Task.Delay(pause, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <summary>A snapshot as pg_current_snapshot writes it: 64-bit numbers, of which the log has the lower half.</summary>
    /// <param name="End">The first number that was not given out.</param>
    /// <param name="Running">What runs below it.</param>
    internal sealed record Snapshot(uint End, HashSet<uint> Running)
    {
        /// <summary>Reads <c>xmin:xmax:xip,xip...</c>.</summary>
        public static Snapshot Parse(string text)
        {
            string[] parts = text.Split(':');
            return new Snapshot(Number(parts[1]), [.. parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Number)]);

            static uint Number(string number) => (uint)ulong.Parse(number, CultureInfo.InvariantCulture);
        }

        /// <summary>Whether a transaction that was committed is visible.</summary>
        public bool Sees(uint transaction) => (int)(transaction - End) < 0 && !Running.Contains(transaction);
    }
}
