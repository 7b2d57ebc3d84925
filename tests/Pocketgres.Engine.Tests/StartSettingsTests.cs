using Npgsql;
using static Pocketgres.Engine.Tests.Clusters;

namespace Pocketgres.Engine.Tests;

/// <summary>Settings of ours that are given at start.</summary>
public sealed class StartSettingsTests
{
    [Theory]
    [InlineData("on", null)]
    [InlineData("off", "function can only be called when server is in binary upgrade mode")]
    public async Task Binary_upgrade_mode_is_there_when_asked_for(string value, string? message)
    {
        var options = new ClusterOptions { Port = 0, Settings = new Dictionary<string, string> { ["pocketgres.binary_upgrade"] = value } };
        await using var cluster = await PostgresCluster.StartAsync(options);
        var e = await Record.ExceptionAsync(() => ExecuteAsync(cluster, "select binary_upgrade_set_next_pg_type_oid(16400)"));
        Assert.Equal(message, (e as PostgresException)?.MessageText ?? e?.Message);
    }
}
