using System.CommandLine;
using System.Globalization;
using Pocketgres.Fuzz;

Option<int> seed = new("--seed") { Description = "Seed of the first case; case N has the seed N behind it.", DefaultValueFactory = _ => 1 };
Option<int> cases = new("--cases") { Description = "How many cases.", DefaultValueFactory = _ => int.MaxValue };
Option<int> seconds = new("--seconds") { Description = "How long at most.", DefaultValueFactory = _ => 60 };
Option<int> workers = new("--workers") { Description = "How many clients at a time.", DefaultValueFactory = _ => 4 };
Option<string?> cli = new("--cli") { Description = "The built pocketgres.dll, which is started." };
Option<int> port = new("--port") { Description = "Instead: the port of a server that is there, on 127.0.0.1, that lets anybody in." };
Option<int> native = new("--native") { Description = "The port of a native PostgreSQL 18, to compare SQLSTATEs with (statements)." };
Option<int> limit = new("--limit") { Description = "How many milliseconds a statement may run.", DefaultValueFactory = _ => 300 };
Option<string> output = new("--out") { Description = "The file to record to." };
Argument<string[]> command = new("COMMAND") { Description = "What to record." };

var wire = new Command("wire", "Messages: recorded sessions with faults, and what no driver sends.") { seed, cases, seconds, workers, cli, port };
var sql = new Command("sql", "Statements: every function with extreme arguments, deep and wide expressions.") { seed, cases, seconds, workers, cli, port, native, limit };
var directories = new Command("directories", "Data directories with flipped bits and cut files.") { seed, cases, seconds, workers, cli };
var served = new Command(DirectoryServer.Command, "Serve the directories whose URLs come in.") { Hidden = true };
var recorder = new Command("record", "Record what a driver sends, through a proxy.") { cli, port, output, command };
var session = new Command("npgsql-session", "What Npgsql is recorded with; PGPORT says where.");
wire.SetAction((parsed, cancellation) => AttackAsync(parsed, null, (campaign, _, token) => campaign.WireAsync(token), cancellation));
sql.SetAction((parsed, cancellation) => AttackAsync(parsed, parsed.GetValue(native) is > 0 and int other ? new Target(other) : null,
    (campaign, other, token) => campaign.StatementsAsync(other, parsed.GetValue(limit), token), cancellation));
directories.SetAction(DamageAsync);
served.SetAction((_, cancellation) => DirectoryServer.RunAsync(cancellation));
recorder.SetAction(async (parsed, cancellation) =>
{
    var (target, served) = await ServerAsync(parsed, cancellation);
    using (served)
    {
        return await Recordings.RecordAsync(target, parsed.GetValue(output)!, parsed.GetValue(command)!, cancellation);
    }
});
session.SetAction(async (_, cancellation) => await NpgsqlSession.RunAsync(Environment.GetEnvironmentVariable("PGPORT")!, cancellation));
return await new RootCommand("Attacks a Pocketgres server with what nobody should send it. Exit code 1 when something was found.") { wire, sql, directories, served, recorder, session }
    .Parse(args).InvokeAsync();

async Task<(Target Target, ServedProcess? Served)> ServerAsync(ParseResult parsed, CancellationToken cancellation)
{
    if (parsed.GetValue(port) is > 0 and int given)
    {
        return (new Target(given), null);
    }

    string authentication = Path.GetTempFileName();
    await File.WriteAllTextAsync(authentication, Campaign.HostBasedAuthentication, cancellation);
    var served = await ServedProcess.StartAsync(parsed.GetValue(cli) ?? throw new ArgumentException("give --cli or --port"),
        ["memory:", "-c", "hba_file=" + authentication, "-c", "authentication_timeout=10s"], cancellation);
    File.Delete(authentication);
    return (served.Target ?? throw new IOException(string.Join('\n', served.Log)), served);
}

async Task<int> AttackAsync(ParseResult parsed, Target? other, Func<Campaign, Target?, CancellationToken, Task> run, CancellationToken cancellation)
{
    var (target, served) = await ServerAsync(parsed, cancellation);
    using (served)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        time.CancelAfter(TimeSpan.FromSeconds(parsed.GetValue(seconds)));
        var watch = new Watch(target);
        await Campaign.PrepareAsync(target, cancellation);
        if (other is not null)
        {
            await Campaign.PrepareAsync(other, cancellation);
        }

        var before = watch.Look();
        var campaign = new Campaign(target, watch, parsed.GetValue(seed), parsed.GetValue(cases), parsed.GetValue(workers));
        await run(campaign, other, time.Token);
        if (watch.IsAlive)
        {
            await campaign.SettleAsync(cancellation);
        }

        var after = watch.Look();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{campaign.Cases} cases, {campaign.Messages} messages; memory {before.Memory} to {after.Memory} MB, descriptors {before.Descriptors} to {after.Descriptors}, threads {before.Threads} to {after.Threads}; {served?.Crashes} crashes of backends, {watch.Findings.Count} findings"));
        foreach (string crash in served?.Log.Where(l => l.Contains(") crashed: ", StringComparison.Ordinal)).Distinct().Take(50) ?? [])
        {
            Console.WriteLine(crash);
        }

        return watch.Findings.Count > 0 ? 1 : 0;
    }
}

async Task<int> DamageAsync(ParseResult parsed, CancellationToken cancellation)
{
    string work = Directory.CreateTempSubdirectory("pocketgres-fuzz-").FullName;
    try
    {
        var watch = new Watch(new Target(0));
        var made = new DirectoryCases(parsed.GetValue(cli) ?? throw new ArgumentException("give --cli"), work, watch);
        await made.PrepareAsync(cancellation);
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        time.CancelAfter(TimeSpan.FromSeconds(parsed.GetValue(seconds)));
        int begun = 0;
        int? Next() => Interlocked.Increment(ref begun) is var n && n <= parsed.GetValue(cases) ? parsed.GetValue(seed) + n - 1 : null;
        await Task.WhenAll(Enumerable.Range(0, parsed.GetValue(workers)).Select(_ => made.RunAsync(Next, time.Token)));
        Console.WriteLine($"{made.Counts.Ran + made.Counts.Refused} directories: a server ran on {made.Counts.Ran} and refused {made.Counts.Refused}; {watch.Findings.Count} findings");
        return watch.Findings.Count > 0 ? 1 : 0;
    }
    finally
    {
        Directory.Delete(work, recursive: true);
    }
}
