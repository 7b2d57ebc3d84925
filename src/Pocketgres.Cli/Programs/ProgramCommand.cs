using Pocketgres.Cli.Targets;
using Pocketgres.Engine;

namespace Pocketgres.Cli.Programs;

/// <summary>
/// PostgreSQL's own programs by their names: <c>pocketgres psql ...</c>. Arguments, streams, terminal, environment and signals are handed through, and the exit code is the
/// program's.
/// </summary>
internal static class ProgramCommand
{
    /// <summary>Runs the program that the first word names; null when it names none.</summary>
    public static int? TryRun(string[] args)
    {
        if (args.Length == 0 || !MayBeProgram(args[0]))
        {
            return null;
        }

        try
        {
            var engine = EngineFiles.Default;
            return engine.ProgramNames.Contains(args[0]) ? Run(engine, args[0], args[1..]) : null;
        }
        catch (EngineFilesException e)
        {
            return Program.Fail(e.Message, ExitCode.Failed);
        }
    }

    // psql makes a cluster's address of our URLs.
    private static int Run(EngineFiles engine, string name, string[] arguments) =>
        name == "psql" && arguments is [var url, .. var rest] && (url.StartsWith("memory:", StringComparison.Ordinal) || url.StartsWith("file:", StringComparison.Ordinal))
            ? CommandFailure.Guard(async () =>
            {
                await using var target = await DatabaseTarget.OpenAsync(new TargetRequest { Url = url }, CancellationToken.None);
                return ProgramRun.WithSignals(engine, name, ["-d", target.ConnectionInfo, .. rest], target.Environment);
            })
            : ProgramRun.WithSignals(engine, name, arguments);

    // The index of programs need not be read for the commands of ours, nor for options.
    private static bool MayBeProgram(string word) =>
        word.StartsWith("pg", StringComparison.Ordinal) || word is "psql" or "initdb" || word.EndsWith("db", StringComparison.Ordinal) || word.EndsWith("user", StringComparison.Ordinal);
}
