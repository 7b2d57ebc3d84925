using System.Globalization;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>pgbench's own workloads: nothing fails, every transaction is counted, and the sums agree.</summary>
[Collection(ClientsServer.Name)]
public partial class PgbenchTests(ClientsFixture fixture)
{
    TestServer Server => fixture.Server;

    [Theory]
    [InlineData("-S -c 1 -t 500")]
    [InlineData("-S -c 8 -j 2 -t 200 -M prepared")]
    [InlineData("-S -c 4 -j 2 -t 200 -M extended")]
    [InlineData("-S -c 2 -j 2 -t 40 -C")]
    [InlineData("-c 1 -t 200")]
    [InlineData("-c 8 -j 2 -t 100")]
    [InlineData("-c 8 -j 2 -t 100 -M prepared")]
    [InlineData("-c 4 -j 2 -t 100 -M extended")]
    [InlineData("-c 4 -j 2 -t 25 -C")]
    [InlineData("-N -c 4 -j 2 -t 100 -M prepared")]
    public async Task Built_in_scripts(string options)
    {
        await using ClientDatabase database = await ClientDatabase.CreateAsync(Server);
        (await Server.RunAsync("pgbench", ["-i", "-s", "1", "-q"], database.Name)).Succeeded();

        string[] arguments = options.Split(' ');
        ToolResult result = (await Server.RunAsync("pgbench", ["-n", .. arguments], database.Name)).Succeeded();
        int expected = Option(arguments, "-c") * Option(arguments, "-t");
        Match processed = ProcessedPattern.Match(result.Output);
        Assert.True(processed.Success, result.Output);
        Assert.Equal((expected, expected), (Number(processed.Groups[1]), Number(processed.Groups[2])));
        Assert.Contains("number of failed transactions: 0 ", result.Output, StringComparison.Ordinal);

        await using NpgsqlConnection connection = await Server.OpenAsync(database.Name);
        Assert.Equal(100_000, await connection.ScalarAsync<long>("select count(*) from pgbench_accounts"));
        bool reads = arguments.Contains("-S");
        Assert.Equal(reads ? 0 : expected, await connection.ScalarAsync<long>("select count(*) from pgbench_history"));
        Assert.True(await connection.ScalarAsync<bool>(
            "select (select sum(abalance) from pgbench_accounts) = (select coalesce(sum(delta), 0) from pgbench_history)"));
        if (!arguments.Contains("-N"))
        {
            Assert.True(await connection.ScalarAsync<bool>("""
                select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches)
                   and (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers)
                """));
        }
    }

    static int Option(string[] arguments, string name) => int.Parse(arguments[Array.IndexOf(arguments, name) + 1], CultureInfo.InvariantCulture);

    static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"number of transactions actually processed: (\d+)/(\d+)")]
    private static partial Regex ProcessedPattern { get; }
}
