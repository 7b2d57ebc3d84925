using System.Diagnostics;
using System.Globalization;
using System.Text;
using Pocketgres.Server.Checking;

namespace Pocketgres.Cli.Check;

/// <summary>
/// Runs <c>check</c> in a child process and speaks for it when it dies: damage can lead PostgreSQL to a wild pointer, which ends the whole process
/// (docs/limits.md), and then there must be a verdict all the same.
/// </summary>
/// <remarks>
/// The child writes what it finds, and before each item a line with <see cref="CurrentMark"/> that says what it is about to check. It ends when this
/// process does, so that signals need no handling here.
/// </remarks>
internal static class CheckSupervisor
{
    /// <summary>Begins the child's lines that are not for the user.</summary>
    public const char CurrentMark = '\u0001';

    // What .NET prints before it gives up on an invalid access.
    private const string WildPointer = "AccessViolationException";

    /// <summary>Runs a check with these arguments; returns the exit code.</summary>
    public static int Run(IReadOnlyList<string> arguments)
    {
        using var child = Start(arguments);
        var errors = child.StandardError.ReadToEndAsync();
        string current = "";
        int problems = 0;
        while (child.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith(CurrentMark))
            {
                current = line[1..];
                continue;
            }

            bool isProblem = !line.StartsWith(CheckVerdictText.NotChecked, StringComparison.Ordinal) && !line.StartsWith(DirectoryCheckReport.Note, StringComparison.Ordinal);
            problems += isProblem ? 1 : 0;
            StandardStreams.WriteOutput(line + "\n");
        }

        child.WaitForExit();
        string error = errors.GetAwaiter().GetResult();
        if (child.ExitCode < ExitCode.SignalBase)
        {
            StandardStreams.WriteError(error);
            return child.ExitCode;
        }

        DirectoryCheck.RemoveLeftovers();
        if (error.Contains(WildPointer, StringComparison.Ordinal))
        {
            StandardStreams.WriteOutput($"{current}: what is there led the server to an invalid address\n");
            StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture,
                $"damaged: {problems + 1} problems so far; the last one ended the check, what comes behind is not checked: restore a backup\n"));
            return ExitCode.Damaged;
        }

        StandardStreams.WriteError(error);
        StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture,
            $"undecided: {problems} problems so far; the check was ended by signal {child.ExitCode - ExitCode.SignalBase} at {current}\n"));
        return ExitCode.Undecided;
    }

    private static Process Start(IReadOnlyList<string> arguments)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardErrorEncoding = new UTF8Encoding(false),
        };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add("exec");
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
