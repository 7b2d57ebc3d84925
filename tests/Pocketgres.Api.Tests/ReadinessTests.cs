using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Api.Tests;

/// <summary>Readiness where a test can choose what the host says.</summary>
public sealed class ReadinessTests
{
    [Fact]
    public async Task A_full_disk_is_not_ready_and_says_so()
    {
        await using var server = await PostgresServer.StartAsync(new ServerOptions { Port = 0 });
        long free = 16 << 20;
        var probe = new ReadinessProbe(server, () => free);
        Assert.Null(await probe.WhyNotAsync());
        free--;
        Assert.Equal("the disk is full: 16383 kB free for /pocketgres/data", await probe.WhyNotAsync());
        free = long.MaxValue;
        Assert.Null(await probe.WhyNotAsync());
        await server.StopAsync();
        Assert.Equal("stopping", await probe.WhyNotAsync());
    }
}
