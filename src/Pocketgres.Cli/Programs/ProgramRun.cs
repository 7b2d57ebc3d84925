using System.Runtime.InteropServices;
using Pocketgres.Engine;
using Pocketgres.Engine.Shell;

namespace Pocketgres.Cli.Programs;

/// <summary>Runs one of PostgreSQL's programs to its end; what it returns is the program's exit code, or 128 + N when signal N ended it.</summary>
internal static class ProgramRun
{
    // What a terminal or a supervisor sends. The rest ends or stops the .NET process, and the program with it.
    private static readonly (PosixSignal Signal, int Number)[] s_forwarded =
        [(PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGTERM, 15)];

    /// <summary>Runs it as the command that the user sees: signals are the program's.</summary>
    public static int WithSignals(EngineFiles engine, string name, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? variables = null)
    {
        using var program = UserProgram.Start(engine, name, arguments, variables);
        var registrations = new List<PosixSignalRegistration>();
        foreach (var (signal, number) in s_forwarded)
        {
            registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                program.Signal(number);
            }));
        }

        try
        {
            return Wait(program);
        }
        finally
        {
            registrations.ForEach(r => r.Dispose());
        }
    }

    private static int Wait(UserProgram program)
    {
        try
        {
            int status = program.Wait();
            return (status & 0x7F) is 0 ? status >> 8 : ExitCode.SignalBase + (status & 0x7F);
        }
        catch (InvalidOperationException e)
        {
            return Program.Fail(e.Message, ExitCode.SignalBase + Pocketgres.Kernel.Signal.Abort);
        }
    }
}
