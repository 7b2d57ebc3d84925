using System.Diagnostics;
using System.Globalization;
using Pocketgres;

// Live queries under changes: QUERIES of them watch a row each while RATE changes a second are made for SECONDS, each its own transaction. Says how many changes were
// made, how long after the last one every query had its last state, and what it cost.
int queries = Argument(0, 100), rate = Argument(1, 1000), seconds = Argument(2, 20);
await using var pg = await PostgresInstance.StartTemporaryAsync(new PostgresInstanceOptions { Url = args.Length > 3 ? args[3] : "memory:" });
await ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, text text)");
await ExecuteAsync($"INSERT INTO t SELECT i, 0, repeat('x', 100) FROM generate_series(0, {queries - 1}) i");

using var end = new CancellationTokenSource();
int[] last = new int[queries];
long emitted = 0;
int ready = 0;
var watchers = Enumerable.Range(0, queries).Select(q => Task.Run(async () =>
{
    try
    {
        await foreach (var rows in pg.LiveQueryAsync("SELECT v FROM t WHERE id = $1", [q], end.Token))
        {
            Volatile.Write(ref last[q], (int)rows.Rows[0][0]!);
            if (Interlocked.Increment(ref emitted) <= queries)
            {
                Interlocked.Increment(ref ready);
            }
        }
    }
    catch (OperationCanceledException)
    {
    }
})).ToList();
while (Volatile.Read(ref ready) < queries)
{
    await Task.Delay(10);
}

var process = Process.GetCurrentProcess();
var cpu = process.TotalProcessorTime;
long memory = process.WorkingSet64;
var clock = Stopwatch.StartNew();
int changes = rate * seconds;
int[] expected = new int[queries];
await using (var connection = await pg.DataSource.OpenConnectionAsync())
{
    for (int i = 0; i < changes; i++)
    {
        int row = i * 7 % queries;
        await using var command = new Npgsql.NpgsqlCommand("UPDATE t SET v = v + 1 WHERE id = $1", connection);
        command.Parameters.Add(new Npgsql.NpgsqlParameter<int> { TypedValue = row });
        await command.ExecuteNonQueryAsync();
        expected[row]++;
        double ahead = ((i + 1) * 1000.0 / rate) - clock.Elapsed.TotalMilliseconds;
        if (ahead > 2)
        {
            await Task.Delay((int)ahead);
        }
    }
}

double made = clock.Elapsed.TotalSeconds;
while (!Enumerable.Range(0, queries).All(q => Volatile.Read(ref last[q]) == expected[q]))
{
    if (clock.Elapsed.TotalSeconds > made + 60)
    {
        Console.WriteLine("WRONG: " + string.Join(' ', Enumerable.Range(0, queries).Where(q => last[q] != expected[q]).Select(q => $"{q}: {last[q]} instead of {expected[q]}")));
        return 1;
    }

    await Task.Delay(1);
}

double right = clock.Elapsed.TotalSeconds - made;
process.Refresh();
double cost = (process.TotalProcessorTime - cpu).TotalSeconds;
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"{queries} live queries, {changes} changes in {made:0.0} s ({changes / made:0} a second), {Volatile.Read(ref emitted) - queries} states handed out, all last states right {right * 1000:0} ms after the last change; " +
    $"{cost:0.0} s of processor time ({cost / clock.Elapsed.TotalSeconds:0.00} cores), {memory >> 20} MiB at the start of the changes, {process.WorkingSet64 >> 20} MiB at the end"));
await end.CancelAsync();
await Task.WhenAll(watchers);
return 0;

async Task ExecuteAsync(string sql)
{
    await using var command = pg.DataSource.CreateCommand(sql);
    await command.ExecuteNonQueryAsync();
}

int Argument(int index, int otherwise) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : otherwise;
