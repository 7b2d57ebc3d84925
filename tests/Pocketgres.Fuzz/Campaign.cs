using System.Diagnostics;

namespace Pocketgres.Fuzz;

/// <summary>Runs cases, several at a time, against a server, until a number of them is done or the time is over. A case is its seed.</summary>
/// <param name="target">The server.</param>
/// <param name="watch">Told what is wrong.</param>
/// <param name="seed">The first case's.</param>
/// <param name="cases">How many.</param>
/// <param name="workers">How many at a time.</param>
sealed class Campaign(Target target, Watch watch, int seed, int cases, int workers)
{
    /// <summary>The SQLSTATEs that tell of a crash of some backend.</summary>
    static readonly string[] s_crash = ["57P02", "57P03"];

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60), s_restart = TimeSpan.FromSeconds(30);

    /// <summary>A pg_hba.conf under which all ways of getting in are met.</summary>
    public const string HostBasedAuthentication = "host all fuzz_scram 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 trust\n";

    int _next;
    long _messages;

    /// <summary>Messages sent in cases of the wire protocol.</summary>
    public long Messages => _messages;

    /// <summary>Cases begun.</summary>
    public int Cases => Math.Min(_next, cases);

    /// <summary>What every run needs: roles without privileges, and a table. To be run as superuser.</summary>
    public static async Task PrepareAsync(Target target, CancellationToken cancellation)
    {
        using var session = await Connection.LoginAsync(target, "postgres", cancellation);
        foreach (string statement in (string[])
            [
                "create role fuzz login", "create role fuzz_replication login replication", "create role fuzz_scram login password 'secret'",
                "alter role fuzz set statement_timeout = '3s'", "alter role fuzz set temp_file_limit = '100MB'", "alter role fuzz_replication set statement_timeout = '3s'",
                "create table t (v text)", "grant all on t to fuzz", "create type fuzz_enum as enum ('a', 'b')", "create publication p for table t",
                "revoke execute on function lo_create(oid), lo_creat(int), lo_from_bytea(oid, bytea) from public",
            ])
        {
            await session.QueryAsync(statement, cancellation);
        }
    }

    /// <summary>Waits until no session of the cases is left, for half a minute at most: then the server holds what it keeps.</summary>
    public async Task SettleAsync(CancellationToken cancellation)
    {
        using var session = await Connection.LoginAsync(target, "postgres", cancellation);
        for (long started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < s_restart;)
        {
            if ((await session.RowsAsync("select count(*) from pg_stat_activity where usename ^@ 'fuzz'", cancellation))[0][0] == "0")
            {
                return;
            }

            await Task.Delay(100, cancellation);
        }

        watch.Add("sessions of the cases are still there");
    }

    /// <summary>Cases of the wire protocol.</summary>
    public Task WireAsync(CancellationToken cancellation)
    {
        var made = new WireCases(Recordings.Load());
        return RunAsync(async (n, _) => await WireAsync(made, seed + n, cancellation), cancellation);
    }

    /// <summary>Statements; with another server, a native one, their SQLSTATEs are compared.</summary>
    /// <param name="native">The other server.</param>
    /// <param name="limit">How many milliseconds a statement may run.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task StatementsAsync(Target? native, int limit, CancellationToken cancellation)
    {
        List<Function> functions;
        using (var session = await Connection.LoginAsync(native ?? target, "postgres", cancellation))
        {
            functions = [.. (await session.RowsAsync(StatementCases.FunctionsQuery, cancellation)).Select(r => new Function(r[0]!, r[1]![0], r[2]!.Split(';', StringSplitOptions.RemoveEmptyEntries)))];
        }

        // Some statements would take for ever, and a million wait for them.
        foreach (var server in (Target[])[target, .. native is null ? (Target[])[] : [native]])
        {
            using var session = await Connection.LoginAsync(server, "postgres", cancellation);
            await session.QueryAsync($"alter role fuzz set statement_timeout = '{limit}ms'", cancellation);
        }

        var made = new StatementCases(functions);
        var accepted = AcceptedDifferences.Load();
        Console.WriteLine($"{functions.Count} functions");
        await RunAsync(async (n, sessions) =>
        {
            string sql = made.Make(seed + n, seed + n);
            var expected = native is null ? null : sessions.RunAsync(native, sql, mine: false, s_patience, cancellation);
            string ours = await sessions.RunAsync(target, sql, mine: true, s_patience, cancellation);
            string shown = sql.Length > 300 ? $"{sql[..300]}... ({sql.Length} characters)" : sql;
            if (ours is Connection.Lost or Sessions.Hangs or "57P02")
            {
                watch.Add($"seed {seed + n}: {ours}: {shown}");
                await RecoveredAsync($"seed {seed + n}", cancellation);
            }

            if (expected is not null)
            {
                string theirs = await expected;
                if (ours != theirs && !accepted.Contains(sql, ours, theirs))
                {
                    watch.Add($"seed {seed + n}: {ours} instead of {theirs}: {shown}");
                }
            }
        }, cancellation);
    }

    async Task WireAsync(WireCases made, int number, CancellationToken cancellation)
    {
        byte[] bytes = made.Make(number, out int messages);
        Interlocked.Add(ref _messages, messages);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_patience);
        HashSet<string> states = [];
        try
        {
            using var connection = await Connection.OpenAsync(target, limit.Token);
            var drained = connection.DrainAsync(limit.Token);
            try
            {
                await connection.SendAsync(bytes, limit.Token);
                connection.FinishSending();
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It has closed already: refused.
            }

            states = await drained;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            watch.Add($"seed {number}: the session does not end within {s_patience.TotalSeconds} s");
        }
        catch (System.Net.Sockets.SocketException)
        {
            watch.Add($"seed {number}: no connection");
        }

        if (states.Overlaps(s_crash))
        {
            await RecoveredAsync($"seed {number} or one just before or beside it", cancellation);
        }
    }

    // Tells a crash of one backend from the end of all.
    async Task RecoveredAsync(string after, CancellationToken cancellation)
    {
        watch.Add($"{after}: {(watch.IsAlive ? "a backend crashed" : "THE PROCESS HAS ENDED")}");
        for (long started = Stopwatch.GetTimestamp(); watch.IsAlive;)
        {
            try
            {
                using var session = await Connection.LoginAsync(target, "fuzz", cancellation);
                return;
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
            {
                if (Stopwatch.GetElapsedTime(started) > s_restart)
                {
                    watch.Add($"{after}: no recovery: {e.Message}");
                    return;
                }

                await Task.Delay(100, cancellation);
            }
        }
    }

    Task RunAsync(Func<int, Sessions, Task> run, CancellationToken cancellation) => Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
    {
        using var sessions = new Sessions();
        while (watch.IsAlive && !cancellation.IsCancellationRequested && Interlocked.Increment(ref _next) - 1 is var n && n < cases)
        {
            try
            {
                await run(n, sessions);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return; // the time is over
            }
        }
    }, CancellationToken.None)));
}
