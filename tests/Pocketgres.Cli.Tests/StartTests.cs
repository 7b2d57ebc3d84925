using System.Text.Json;
using Pocketgres.Cli.Tests.Support;

namespace Pocketgres.Cli.Tests;

public class StartTests
{
    /// <summary>What takes a megabyte and a millisecond each is easily loaded by one line that nobody needs there.</summary>
    [Fact]
    public async Task A_server_loads_no_assembly_that_it_does_not_need()
    {
        using var server = CliProcess.Start("serve", "memory:", "--port", "0", "--allow-root", "--log-level", "error");
        string line = await server.ReadLineAsync() ?? throw new InvalidOperationException((await server.EndAsync()).Error);
        string url = JsonDocument.Parse(line).RootElement.GetProperty("url").GetString()!;

        // Four sessions that end: then their kind's working set is known.
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(["2"], await MemoryServer.QueryAsync(url, "SELECT 1 + 1"));
        }

        string maps = await File.ReadAllTextAsync($"/proc/{server.Id}/maps");
        Assert.Contains("/Pocketgres.Kernel.dll", maps, StringComparison.Ordinal); // it is the right process
        Assert.DoesNotContain("/System.Linq.dll", maps, StringComparison.Ordinal);
        Assert.DoesNotContain("/System.Private.Uri.dll", maps, StringComparison.Ordinal);
        Assert.DoesNotContain("/System.Net.Sockets.dll", maps, StringComparison.Ordinal);
        Assert.DoesNotContain("/System.CommandLine.dll", maps, StringComparison.Ordinal);
        server.Signal("TERM");
        Assert.Equal(0, (await server.EndAsync()).ExitCode);
    }
}
