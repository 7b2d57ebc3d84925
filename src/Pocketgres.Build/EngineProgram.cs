using System.Diagnostics;

namespace Pocketgres.Build;

/// <summary>Programs that run the freshly translated engine, which this tool does not contain: it starts them.</summary>
internal static class EngineProgram
{
    /// <summary>Runs <c>dotnet PROGRAM ARGUMENT...</c> to its end.</summary>
    /// <param name="program">The program's dll.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="prepare">Changes its environment, for example; null for nothing.</param>
    /// <exception cref="BuildException">It failed: with what it wrote to standard error.</exception>
    public static void Run(string program, IEnumerable<string> arguments, Action<ProcessStartInfo>? prepare = null)
    {
        var start = new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardError = true };
        prepare?.Invoke(start);
        using var process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new BuildException($"{program} failed (exit code {process.ExitCode}): {error.ReplaceLineEndings("; ")}");
        }
    }
}
