using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Little memory is an error of the statement that wants more, and no matter for the OOM killer.</summary>
public class MemoryLimitTests
{
    [CgroupFact]
    public async Task A_sort_beyond_the_cgroups_memory_fails_alone()
    {
        using Cgroup group = Cgroup.Create(128L << 20);
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "-c", "fsync=off"], group: group);
        await using NpgsqlConnection bystander = await server.OpenAsync();
        for (int i = 0; i < 3; i++)
        {
            await using NpgsqlConnection session = await server.OpenAsync(); // Npgsql closes it after this error
            await session.ExecuteAsync("set work_mem = '1GB'");
            await session.ExecuteAsync("select count(*) from (select repeat(i::text, 20) t from generate_series(1, 5000000) i order by t offset 0) s").FailsAsync("53200");
            Assert.Equal(i, await bystander.ScalarAsync<int>("select $1::int", i));
        }

        Assert.Equal(0, await server.StopAsync());
    }
}
