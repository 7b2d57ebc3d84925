using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Stress;

/// <summary>
/// The short form of eng/fuzz.sh: the same cases each time, none of which crashes a backend (a few of the others do so natively, too). The long form looks for new ones.
/// </summary>
public class FuzzTests
{
    [Theory]
    [InlineData("wire", 1, 600)]
    [InlineData("sql", 170, 110)]
    [InlineData("directories", 1, 3)]
    public async Task Nothing_ends_the_process(string kind, int seed, int cases)
    {
        string fuzz = Path.Combine(Workspace.Root, "tests", "Pocketgres.Fuzz", "bin", Workspace.Configuration, "net10.0", "Pocketgres.Fuzz.dll");
        ToolResult result = (await Tool.RunAsync(
            "dotnet", ["exec", fuzz, kind, "--cli", CliServer.CliPath, "--seed", $"{seed}", "--cases", $"{cases}", "--seconds", "300"], deadline: TimeSpan.FromMinutes(5))).Succeeded();
        Assert.Matches(kind == "directories" ? $@"\n?{cases} directories: .*; 0 findings\n" : $@"\n?{cases} cases, .*; 0 crashes of backends, 0 findings\n", result.Output);
    }
}
