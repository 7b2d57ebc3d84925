using System.Globalization;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Stress;

/// <summary>
/// Everything at once for POCKETGRES_STRESS_SECONDS (default 10; the bar is 60): writers whose sum never changes, schema changes,
/// connection churn, cancels, terminates and deadlocks. No hang, no disaster in the log, only errors that were asked for.
/// </summary>
public class StressTests(StressTests.Fixture fixture) : IClassFixture<StressTests.Fixture>
{
    const int Accounts = 50;
    const long Total = Accounts * 1000L;

    public sealed class Fixture : ServerFixture
    {
        private protected override ServerOptions Options => new()
        {
            Settings = new Dictionary<string, string> { ["deadlock_timeout"] = "50ms", ["autovacuum_naptime"] = "1s" },
        };
    }

    static TimeSpan Duration => TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariable("POCKETGRES_STRESS_SECONDS") is { Length: > 0 } seconds ? double.Parse(seconds, CultureInfo.InvariantCulture) : 10);

    [Fact]
    public async Task Mixed_load_keeps_its_sums()
    {
        TestServer server = fixture.Server;
        await using NpgsqlConnection setup = await server.OpenAsync();
        await setup.ExecuteAsync($"""
            create table account (id int primary key, balance bigint not null);
            insert into account select i, 1000 from generate_series(1, {Accounts}) i;
            create table transfer (id bigint generated always as identity primary key, source int, target int, amount bigint, at timestamptz default now());
            create table pair (id int primary key, n int);
            insert into pair values (1, 0), (2, 0)
            """);

        using var stop = new CancellationTokenSource(Duration);
        Actor[] actors =
        [
            new TransferActor(server, "read committed"),
            new TransferActor(server, "repeatable read"),
            new TransferActor(server, "serializable"),
            new AuditActor(server, Total),
            new SchemaActor(server),
            new ChurnActor(server),
            new ChurnActor(server),
            new InterruptActor(server),
            new DeadlockActor(server),
            new TemporaryActor(server),
        ];
        Task all = Task.WhenAll(actors.Select(actor => Task.Run(() => actor.RunAsync(stop.Token))));
        try
        {
            await Wait.ForAsync(all, "every actor ended: one hangs", Duration + TimeSpan.FromSeconds(90));
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Assert.Fail($"{exception}\n{Summary(actors)}\nthe end of the server's log ({server.Log.FilePath}):\n{server.Log.Tail}");
        }

        Assert.All(actors, actor => Assert.True(actor.Done > 0, $"{actor.Name} did nothing\n{Summary(actors)}"));
        Assert.True(actors.OfType<DeadlockActor>().Single().Deadlocks > 0, "no deadlock was found and resolved");
        await AssertSumsAsync(server, actors);
        Assert.Empty(server.Log.Matching(TestServer.DisasterPattern));
        string[] expected = ["due to administrator command", "connection to client lost"];
        Assert.All(server.Log.Matching(TestServer.FatalPattern), line => Assert.Contains(expected, line.Contains));
    }

    static async Task AssertSumsAsync(TestServer server, Actor[] actors)
    {
        await using NpgsqlConnection check = await server.OpenAsync();
        Assert.Equal(Total, await check.ScalarAsync<long>("select sum(balance) from account"));
        Assert.Equal(0, await check.ScalarAsync<long>("""
            select count(*) from account a where balance <> 1000
                + coalesce((select sum(amount) from transfer where target = a.id), 0) - coalesce((select sum(amount) from transfer where source = a.id), 0)
            """));
        TransferActor[] transfers = [.. actors.OfType<TransferActor>()];
        long rows = await check.ScalarAsync<long>("select count(*) from transfer");
        Assert.InRange(rows, transfers.Sum(actor => actor.Done), transfers.Sum(actor => actor.Done + actor.Unknown));
        // Index and table agree after all the killed transactions.
        Assert.Equal(rows, await check.ScalarAsync<long>("set enable_seqscan = off; select count(id) from transfer where id > 0"));
        foreach (string statement in (string[])["vacuum (full) account", "vacuum (freeze) transfer", "reindex table transfer"])
        {
            await check.ExecuteAsync(statement);
        }

        Assert.Equal(Total, await check.ScalarAsync<long>("select sum(balance) from account"));
    }

    static string Summary(IEnumerable<Actor> actors) =>
        string.Join('\n', actors.Select(actor => $"{actor.Name}: done {actor.Done}, expected errors {actor.Expected}, unknown {actor.Unknown}"));
}
