using System.Globalization;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>A cluster's life in a store of another make: loaded, killed, woken, put to sleep, branched, taken over, checked and cleared.</summary>
/// <param name="url">The URL of a prefix.</param>
/// <param name="environment">The variables of the store's tools.</param>
sealed class ClusterLife(Func<string, string> url, IReadOnlyDictionary<string, string> environment)
{
    public Task<CliServer> StartAsync(string prefix, string parameters = "") => CliServer.StartAsync(
        ["serve", $"{url(prefix)}&puts=0{parameters}", "--port", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)],
        environment: environment);

    public async Task RunAsync()
    {
        await using (var first = await StartAsync("main"))
        {
            await using var session = await first.OpenAsync();
            await session.ExecuteAsync("create table t (i int primary key, v text); insert into t select i, repeat('x', 100) from generate_series(1, 5000) i");
            await first.KillAsync();
        }

        await using var held = await StartAsync("main");
        await using var reader = await held.OpenAsync();
        Assert.Equal(5000, await reader.ScalarAsync<long>("select count(*) from t"));
        await reader.ExecuteAsync("insert into t values (0, 'second')");
        await CommandAsync("branch", url("main"), url("copy"));
        await using (var taker = await StartAsync("main", "&takeover=true"))
        {
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => reader.ExecuteAsync("insert into t values (-1, 'lost')"));
            Assert.Equal(8, await held.ExitAsync());
            await using var session = await taker.OpenAsync();
            Assert.Equal(5001, await session.ScalarAsync<long>("select count(*) from t"));
            await session.CloseAsync();
            Assert.Equal(0, await taker.StopAsync());
        }

        Assert.Contains("asleep", await CommandAsync("status", url("main")), StringComparison.Ordinal);
        await CommandAsync("check", url("main"));
        await CommandAsync("gc", url("main"));
        await using var branch = await StartAsync("copy");
        await using var other = await branch.OpenAsync();
        Assert.Equal(5001, await other.ScalarAsync<long>("select count(*) from t"));
    }

    async Task<string> CommandAsync(params string[] arguments) => (await CliServer.RunToEndAsync(environment, arguments)).Succeeded().Output;
}
