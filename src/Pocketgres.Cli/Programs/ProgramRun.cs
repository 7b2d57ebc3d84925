using System.Runtime.InteropServices;
using Pocketgres.Engine;
using Pocketgres.Engine.Shell;

namespace Pocketgres.Cli.Programs;

/// <summary>Runs one of PostgreSQL's programs to its end; what it returns is the program's exit code, or 128 + N when signal N ended it.</summary>
internal static class ProgramRun
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

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

    /// <summary>Runs it as a step of a command of ours: a cancellation interrupts it, and is thrown when it has ended.</summary>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public static async Task<int> RunAsync(string name, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? variables, CancellationToken cancellationToken)
    {
        using var program = UserProgram.Start(EngineFiles.Default, name, arguments, variables);
        var end = Task.Run(() => Wait(program), CancellationToken.None);
        await using (cancellationToken.Register(() => program.Signal(Pocketgres.Kernel.Signal.Interrupt)))
        {
            // What does not mind the interrupt (psql between two statements) has no handler for the other one.
            if (await Task.WhenAny(end, Task.Delay(Timeout.Infinite, cancellationToken)) != end && await Task.WhenAny(end, Task.Delay(s_patience, CancellationToken.None)) != end)
            {
                program.Signal(Pocketgres.Kernel.Signal.Terminate);
            }

            int exitCode = await end;
            cancellationToken.ThrowIfCancellationRequested();
            return exitCode;
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
