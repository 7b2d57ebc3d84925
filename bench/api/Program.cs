// What the API costs: rates through Npgsql by memory, over a Unix socket and over TCP, in this process and against other servers, and clones.
//
//   dotnet run -c Release --project bench/api -- rates [SECONDS] [NAME=CONNECTION-STRING ...]
//   dotnet run -c Release --project bench/api -- clones [COUNT]
//   dotnet run -c Release --project bench/api -- alive [COUNT]
//   dotnet run -c Release --project bench/api -- connect ROUNDS CONNECTIONS NAME=PORT ...      run by bench/tls
using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Pocketgres;

return args switch
{
    ["rates", .. var rest] => await RatesAsync(rest),
    ["clones", .. var rest] => await ClonesAsync(rest),
    ["alive", .. var rest] => await AliveAsync(rest),
    ["connect", var rounds, var count, .. var rest] => Connect(Number(rounds), Number(count), rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("rates [SECONDS] [NAME=CONNECTION-STRING ...] | clones [COUNT] | alive [COUNT] | connect ROUNDS CONNECTIONS NAME=PORT ...");
    return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

// A connection without TLS and with it, in turn: a line of JSON for each round and server.
static int Connect(int rounds, int count, string[] targets)
{
    for (int round = 0; round <= rounds; round++)
    {
        foreach (string[] target in targets.Select(t => t.Split('=')))
        {
            double[] ms = new double[2];
            for (int turn = 0; turn < 2; turn++)
            {
                int tls = (round + turn) % 2;
                var text = new NpgsqlConnectionStringBuilder
                {
                    Host = "127.0.0.1",
                    Port = Number(target[1]),
                    Username = "postgres",
                    Database = "postgres",
                    Pooling = false,
                    SslMode = tls == 1 ? SslMode.Require : SslMode.Disable,
                };
                long begin = Stopwatch.GetTimestamp();
                for (int i = 0; i < count; i++)
                {
                    using var connection = new NpgsqlConnection(text.ConnectionString);
                    connection.Open();
                    using var command = new NpgsqlCommand("select 1", connection);
                    command.ExecuteScalar();
                }

                ms[tls] = Stopwatch.GetElapsedTime(begin).TotalMilliseconds / count;
            }

            if (round > 0) // the first warms up
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $$"""{"target": "{{target[0]}}", "plain": {{ms[0]}}, "tls": {{ms[1]}}}"""));
            }
        }
    }

    return 0;
}

static async Task<int> RatesAsync(string[] args)
{
    double seconds = args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 2;
    await using var pg = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Port = 0 });
    var tcp = new NpgsqlConnectionStringBuilder(pg.ConnectionString) { Host = "127.0.0.1", Port = pg.Port!.Value };
    var peers = new List<(string Name, Func<NpgsqlDataSourceBuilder> Builder)>
    {
        ("memory: through memory", pg.CreateDataSourceBuilder),
        ("memory: Unix socket", () => new NpgsqlDataSourceBuilder(pg.ConnectionString)),
        ("memory: loopback TCP", () => new NpgsqlDataSourceBuilder(tcp.ConnectionString)),
    };
    peers.AddRange(args.Skip(1).Select(a => a.Split('=', 2)).Select(p => (p[0], (Func<NpgsqlDataSourceBuilder>)(() => new NpgsqlDataSourceBuilder(p[1])))));
    var rates = peers.ToDictionary(p => p.Name, _ => (Simple: new List<double>(), Prepared: new List<double>(), Open: new List<double>()));
    foreach (var (_, builder) in peers)
    {
        await using var source = builder().Build();
        await using var setup = source.CreateCommand(
            "DROP TABLE IF EXISTS bench_point; CREATE TABLE bench_point AS SELECT i AS id, 'row ' || i AS name FROM generate_series(1, 100000) i; ALTER TABLE bench_point ADD PRIMARY KEY (id); ANALYZE bench_point");
        await setup.ExecuteNonQueryAsync();
    }

    // In turn, so that what disturbs the machine disturbs all.
    for (int round = 0; round < 5; round++)
    {
        foreach (var (name, builder) in peers)
        {
            await using var source = builder().Build();
            await using var connection = await source.OpenConnectionAsync();
            await using var simple = new NpgsqlCommand("SELECT 1", connection);
            rates[name].Simple.Add(Rate(seconds, _ => simple.ExecuteScalar()));
            await using (var reset = new NpgsqlCommand("DEALLOCATE ALL", connection))
            {
                await reset.ExecuteNonQueryAsync(); // all connections of pglite-socket are one session, which keeps the last round's statements
            }

            await using var point = new NpgsqlCommand("SELECT name FROM bench_point WHERE id = $1", connection);
            var id = new NpgsqlParameter<int>();
            point.Parameters.Add(id);
            await point.PrepareAsync();
            rates[name].Prepared.Add(Rate(seconds, i =>
            {
                id.TypedValue = (i * 7919 % 100000) + 1;
                return point.ExecuteScalar();
            }));
            var alone = builder();
            alone.ConnectionStringBuilder.Pooling = false;
            alone.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
            await using var unpooled = alone.Build();
            rates[name].Open.Add(Rate(seconds / 2, _ =>
            {
                using var c = unpooled.OpenConnection();
                return c;
            }));
        }
    }

    Console.WriteLine("| Peer | select 1, 1/s | prepared point select, 1/s | connect, 1/s |\n|---|---|---|---|");
    foreach (var (name, _) in peers)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {name} | {Median(rates[name].Simple):N0} | {Median(rates[name].Prepared):N0} | {Median(rates[name].Open):N0} |"));
    }

    return 0;
}

static double Rate(double seconds, Func<int, object?> action)
{
    for (int i = 0; i < 20; i++)
    {
        action(i);
    }

    var watch = Stopwatch.StartNew();
    int n = 0;
    while (watch.Elapsed.TotalSeconds < seconds)
    {
        action(n++);
    }

    return n / watch.Elapsed.TotalSeconds;
}

static async Task<int> ClonesAsync(string[] args)
{
    int count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 50;
    await using var pg = await PostgresInstance.StartAsync("memory:");
    for (int i = 0; i < 50; i++)
    {
        await using var create = pg.DataSource.CreateCommand(
            $"CREATE TABLE t{i} (id int PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now()); INSERT INTO t{i} SELECT i, 'n' || i FROM generate_series(1, 100) i");
        await create.ExecuteNonQueryAsync();
    }

    await using var snapshot = await pg.SnapshotAsync();
    var running = new List<double>();
    var kept = new List<double>();
    var full = new List<double>();
    var dispose = new List<double>();
    var made = new List<double>();
    var opened = new List<double>();
    for (int i = 0; i < count; i++)
    {
        running.Add(await TimeAsync(() => pg.CloneAsync(), slim: true));
        kept.Add(await TimeAsync(() => snapshot.CloneAsync(), slim: true));
    }

    // What a test with a database of its own adds, together with dispose.
    var processor = Process.GetCurrentProcess().TotalProcessorTime;
    for (int i = 0; i < count; i++)
    {
        full.Add(await TimeAsync(() => pg.CloneAsync(), slim: false));
    }

    double work = (Process.GetCurrentProcess().TotalProcessorTime - processor).TotalMilliseconds / count;

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"to the first row of a clone of a running instance, through its DataSource {Median(full):F2} ms (cloned after {Median(made):F2} ms, connected after {Median(opened):F2} ms), with a data source made anew {Median(running):F2} ms, of a snapshot so {Median(kept):F2} ms; dispose {Median(dispose):F2} ms; processor time of a clone with its end {work:F1} ms"));
    return 0;

    async Task<double> TimeAsync(Func<Task<PostgresInstance>> clone, bool slim)
    {
        var watch = Stopwatch.StartNew();
        var copy = await clone();
        made.Add(watch.Elapsed.TotalMilliseconds);
        if (slim)
        {
            var builder = new NpgsqlSlimDataSourceBuilder(copy.ConnectionString + ";Pooling=false");
            builder.ConfigureTypeLoading(t => t.EnableTypeLoading(false));
            await using var source = builder.Build();
            await using var command = source.CreateCommand("SELECT name FROM t7 WHERE id = 7");
            await command.ExecuteScalarAsync();
        }
        else
        {
            await using var connection = await copy.DataSource.OpenConnectionAsync();
            opened.Add(watch.Elapsed.TotalMilliseconds);
            await using var command = new NpgsqlCommand("SELECT name FROM t7 WHERE id = 7", connection);
            await command.ExecuteScalarAsync();
        }

        double time = watch.Elapsed.TotalMilliseconds;
        watch.Restart();
        await copy.DisposeAsync();
        dispose.Add(watch.Elapsed.TotalMilliseconds);
        return time;
    }
}

// Clones that have answered a query and wait, with their data sources and pools.
static async Task<int> AliveAsync(string[] args)
{
    int count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1000;
    await using var pg = await PostgresInstance.StartAsync("memory:");
    await using (var create = pg.DataSource.CreateCommand(string.Concat(Enumerable.Range(0, 50).Select(i =>
        $"CREATE TABLE t{i} (id int PRIMARY KEY, name text NOT NULL); INSERT INTO t{i} SELECT i, 'n' || i FROM generate_series(1, 100) i;"))))
    {
        await create.ExecuteNonQueryAsync();
    }

    await using var snapshot = await pg.SnapshotAsync();
    var clones = new List<PostgresInstance>();
    double before = 0;
    var watch = Stopwatch.StartNew();
    for (int i = 0; i < count + 10; i++)
    {
        if (i == 10)
        {
            before = Proportional(); // what the first few load belongs to all
            watch.Restart();
        }

        clones.Add(await snapshot.CloneAsync());
        await using var connection = await clones[^1].DataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand("SELECT name FROM t7 WHERE id = 7", connection);
        await command.ExecuteScalarAsync();
        await connection.CloseAsync();
        clones[^1].DataSource.Clear();
    }

    double made = watch.Elapsed.TotalMilliseconds / count;
    double each = (Proportional() - before) / count;
    watch.Restart();
    await Task.WhenAll(clones.Select(c => c.DisposeAsync().AsTask()));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{count} clones alive: {each / 1e6:F2} MB and {made:F1} ms each; disposed in {watch.Elapsed.TotalSeconds:F1} s"));
    return 0;
}

static double Proportional() => File.ReadLines("/proc/self/smaps_rollup").Where(l => l.StartsWith("Pss:", StringComparison.Ordinal))
    .Sum(l => double.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)) * 1024;

static double Median(List<double> values)
{
    values.Sort();
    return values[values.Count / 2];
}
