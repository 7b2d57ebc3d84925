using System.Globalization;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>What a session's statements have freed is the host's again when it waits for its client.</summary>
public class MemoryReturnTests
{
    private const int Megabytes = 1024;

    [OursFact]
    public async Task A_sort_leaves_no_memory_to_a_session_that_waits()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "-c", "fsync=off"]);
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("set work_mem = '1GB'; set jit = off");
        long before = await ResidentAsync(server, "VmRSS:");
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(1_000_000, await session.ScalarAsync<int>("select count(*)::int from (select repeat(i::text, 20) t from generate_series(1, 1000000) i order by t offset 0) s"));
            await Wait.UntilAsync(async () => await ResidentAsync(server, "VmRSS:") < before + (60 * Megabytes), "the memory of the sort is given back");
            Assert.InRange(await ResidentAsync(server, "VmHWM:"), before + (150 * Megabytes), long.MaxValue);
        }

        // What goes back must be what nobody uses.
        Assert.Equal("1GB", await session.ScalarAsync<string>("show work_mem"));
    }

    [OursFact]
    public async Task An_array_that_grows_at_the_end_of_the_heap_is_not_copied()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "-c", "fsync=off"]);
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("set work_mem = '1GB'");
        long before = await ResidentAsync(server, "VmRSS:");
        await File.WriteAllTextAsync($"/proc/{server.Pid}/clear_refs", "5"); // VmHWM begins here

        // 24 MB of sort's tuples, which hold the numbers, in an array that doubles: 48 MB with the arrays before.
        Assert.Equal(1_000_000, await session.ScalarAsync<int>("select count(*)::int from (select i * 7919::bigint % 1000003 from (select generate_series(1, 1000000) i) s order by 1 offset 0) s"));
        Assert.InRange(await ResidentAsync(server, "VmHWM:"), before + (24 * Megabytes), before + (40 * Megabytes));
    }

    // Of the server's whole process, in kB: proc(5).
    private static async Task<long> ResidentAsync(CliServer server, string field)
    {
        string line = (await File.ReadAllLinesAsync($"/proc/{server.Pid}/status")).Single(l => l.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(field.Length).Trim()[..^3], CultureInfo.InvariantCulture);
    }
}
