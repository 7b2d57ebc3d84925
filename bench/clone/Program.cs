// What a clone costs: time from StartCloneAsync to the first row of a query, and memory of many clones alive.
//   dotnet run -c Release --project bench/clone -- [rounds] [alive]
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using Pocketgres.Bench.Clone;
using Pocketgres.Engine;
using Pocketgres.Training;

int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 200;
int alive = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 0;
bool unix = !args.Contains("tcp");
string sockets = Directory.CreateTempSubdirectory("pg-clone-").FullName;
int nextPort = 1;
try
{
    ClusterOptions Options() => unix
        ? new() { ListenAddress = null, UnixSocketDirectory = sockets, Port = nextPort++ }
        : new() { Port = 0 };
    await using var source = await PostgresCluster.StartAsync(Options());
    var schema = new StringBuilder();
    for (int i = 0; i < 50; i++)
    {
        schema.Append(CultureInfo.InvariantCulture, $"create table t{i} (id bigint generated always as identity primary key, name text not null, at timestamptz default now(), v numeric);");
        schema.Append(CultureInfo.InvariantCulture, $"create index on t{i} (name); insert into t{i} (name, v) select 'row ' || g, g from generate_series(1, 20) g;");
    }

    await using (var connection = await Clients.OpenAsync(source))
    {
        await Clients.ExecuteAsync(connection, schema.ToString());
    }

    var watch = Stopwatch.StartNew();
    using (var first = await source.SnapshotAsync())
    {
        Console.WriteLine($"first snapshot {watch.Elapsed.TotalMilliseconds:0.0} ms, {first.MemoryBytes / 1e6:0.0} MB, memory {first.HasMemory} {first.Limitation}");
    }

    // A fresh snapshot each: a session has run in between, and stays open.
    await using (var open = await Clients.OpenAsync(source))
    {
        var fresh = new List<double>();
        for (int i = 0; i < 10; i++)
        {
            await Clients.ExecuteAsync(open, "update t0 set v = v + 1");
            watch.Restart();
            using var again = await source.SnapshotAsync();
            fresh.Add(watch.Elapsed.TotalMilliseconds);
            if (!again.HasMemory)
            {
                Console.WriteLine(again.Limitation);
            }
        }

        Console.WriteLine($"fresh snapshot with an idle session open: {Clients.Summary(fresh)}");
    }

    // For comparison: a new session of the source.
    var connect = new List<double>();
    for (int i = 0; i < rounds; i++)
    {
        watch.Restart();
        using var session = Clients.OpenRaw(source);
        session.Query("select count(*) from t7");
        connect.Add(watch.Elapsed.TotalMilliseconds);
    }

    Console.WriteLine($"a new session of the source to its first row: {Clients.Summary(connect)}");
    using var snapshot = await source.SnapshotAsync();
    foreach (bool npgsql in new[] { false, true })
    {
        var total = new List<double>();
        var start = new List<double>();
        var stop = new List<double>();
        var processor = TimeSpan.Zero;
        for (int i = 0; i < rounds + 20; i++)
        {
            watch.Restart();
            using var again = await source.SnapshotAsync();
            var clone = await PostgresCluster.StartCloneAsync(again, Options());
            double started = watch.Elapsed.TotalMilliseconds;
            if (npgsql)
            {
                await using var connection = await Clients.OpenAsync(clone);
                await using var command = new NpgsqlCommand("select count(*) from t7", connection);
                await command.ExecuteScalarAsync();
            }
            else
            {
                using var session = Clients.OpenRaw(clone);
                session.Query("select count(*) from t7");
            }

            double row = watch.Elapsed.TotalMilliseconds;
            watch.Restart();
            await clone.DisposeAsync();
            processor = i == 19 ? Environment.CpuUsage.TotalTime : processor;
            if (i >= 20)
            {
                start.Add(started);
                total.Add(row);
                stop.Add(watch.Elapsed.TotalMilliseconds);
            }
        }

        Console.WriteLine($"{(npgsql ? "Npgsql" : "raw protocol")}: clone started {Clients.Summary(start)}; first row {Clients.Summary(total)}; dispose {Clients.Summary(stop)}; processor {(Environment.CpuUsage.TotalTime - processor).TotalMilliseconds / rounds:0.00} ms in all");
    }

    if (alive > 0)
    {
        var clones = new List<PostgresCluster>();
        var sessions = new List<SimpleSession>();
        GC.Collect();
        var (pss, maps, threads) = Clients.Usage();
        int descriptors = Directory.GetFileSystemEntries("/proc/self/fd").Length;
        watch.Restart();
        for (int i = 0; i < alive; i++)
        {
            clones.Add(await PostgresCluster.StartCloneAsync(snapshot, Options()));
            int number = i;
            clones[^1].LogWritten += entry => Console.WriteLine($"clone {number}: {entry}");
            sessions.Add(Clients.OpenRaw(clones[^1]));
            sessions[^1].Query("select count(*) from t7");
        }

        Report("each with its session open");
        sessions.ForEach(s => s.Dispose());
        await Task.Delay(2000);
        Report("sessions closed");
        await Task.Delay(12000);
        Report("14 s later");
        watch.Restart();
        await Task.WhenAll(clones.Select(c => c.DisposeAsync().AsTask()));
        Console.WriteLine($"disposed {alive} in {watch.Elapsed.TotalSeconds:0.0} s");

        void Report(string what)
        {
            GC.Collect();
            var now = Clients.Usage();
            Console.WriteLine($"{alive} clones alive, {what}: {(now.Private - pss) / 1e6 / alive:0.00} MB each, {(now.Mappings - maps) / (double)alive:0.0} mappings, {(now.Threads - threads) / (double)alive:0.00} threads, {(Directory.GetFileSystemEntries("/proc/self/fd").Length - descriptors) / (double)alive:0.0} descriptors ({watch.Elapsed.TotalSeconds:0.0} s)");
        }
    }
}
finally
{
    Directory.Delete(sockets, recursive: true);
}
