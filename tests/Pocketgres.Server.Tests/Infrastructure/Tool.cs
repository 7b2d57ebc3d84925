using System.Diagnostics;
using System.Text;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>What a finished program said.</summary>
sealed record ToolResult(string CommandLine, int ExitCode, string Output, string Error)
{
    public ToolResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {CommandLine}\n{Error}\n{Output}");
        return this;
    }
}

/// <summary>Runs client programs to their end.</summary>
static class Tool
{
    static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(120);

    public static async Task<ToolResult> RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null,
        string? input = null, TimeSpan? deadline = null, string? workingDirectory = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardInputEncoding = new UTF8Encoding(false),
            WorkingDirectory = workingDirectory ?? "",
        };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        string commandLine = $"{Path.GetFileName(program)} {string.Join(' ', start.ArgumentList)}";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input);
            }

            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program ended without reading it all; its exit code and error say why.
        }

        TimeSpan limit = deadline ?? DefaultDeadline;
        if (!await Patience.EndsAsync(process.WaitForExitAsync(), limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"still running after {limit.TotalSeconds:0} s: {commandLine}\n{await error}\n{await output}");
        }

        return new ToolResult(commandLine, process.ExitCode, await output, await error);
    }
}
