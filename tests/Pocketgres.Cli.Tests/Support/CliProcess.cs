using System.Diagnostics;

namespace Pocketgres.Cli.Tests.Support;

/// <summary>The command as people start it.</summary>
internal sealed class CliProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private CliProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    public int Id => _process.Id;

    public StreamReader Output => _process.StandardOutput;

    public StreamWriter Input => _process.StandardInput;

    public static CliProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "pocketgres.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new CliProcess(Process.Start(start)!);
    }

    /// <summary>Runs a command to its end with nothing on its standard input.</summary>
    public static Task<CliResult> RunAsync(params string[] arguments) => RunAsync("", arguments);

    /// <summary>Runs a command to its end.</summary>
    public static async Task<CliResult> RunAsync(string input, string[] arguments)
    {
        using var process = Start(arguments);
        try
        {
            await process.Input.WriteAsync(input);
            process.Input.Close();
        }
        catch (IOException)
        {
            // It ended without reading.
        }

        return await process.EndAsync();
    }

    /// <summary>A line of output.</summary>
    public async Task<string?> ReadLineAsync() => await Output.ReadLineAsync().WaitAsync(s_patience);

    /// <summary>Waits for the end.</summary>
    public async Task<CliResult> EndAsync()
    {
        string output = await Output.ReadToEndAsync().WaitAsync(s_patience);
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        return new CliResult(_process.ExitCode, output, await _errors.WaitAsync(s_patience));
    }

    public void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-s", name, Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])!;
        kill.WaitForExit();
    }

    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}

/// <summary>How a command ended.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error);
