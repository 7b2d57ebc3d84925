using System.Runtime.InteropServices;
using Pocketgres.Engine;
using Pocketgres.Engine.Shell;

namespace Pocketgres.Cli.Programs;

/// <summary>
/// PostgreSQL's own programs by their names: <c>pocketgres psql ...</c>. Arguments, streams, terminal, environment and signals are handed through, and the exit code is the
/// program's.
/// </summary>
internal static class ProgramCommand
{
    // What a terminal or a supervisor sends. The rest ends or stops the .NET process, and the program with it.
    private static readonly (PosixSignal Signal, int Number)[] Forwarded =
        [(PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGTERM, 15)];

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

    private static int Run(EngineFiles engine, string name, string[] arguments)
    {
        using var program = UserProgram.Start(engine, name, arguments);
        var registrations = new List<PosixSignalRegistration>();
        foreach (var (signal, number) in Forwarded)
        {
            registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                program.Signal(number);
            }));
        }

        try
        {
            int status = program.Wait();
            return (status & 0x7F) is 0 ? status >> 8 : ExitCode.SignalBase + (status & 0x7F);
        }
        catch (InvalidOperationException e)
        {
            return Program.Fail(e.Message, ExitCode.SignalBase + Pocketgres.Kernel.Signal.Abort);
        }
        finally
        {
            registrations.ForEach(r => r.Dispose());
        }
    }

    // The index of programs need not be read for the commands of ours, nor for options.
    private static bool MayBeProgram(string word) =>
        word.StartsWith("pg", StringComparison.Ordinal) || word is "psql" or "initdb" || word.EndsWith("db", StringComparison.Ordinal) || word.EndsWith("user", StringComparison.Ordinal);
}
