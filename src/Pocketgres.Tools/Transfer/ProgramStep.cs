using Pocketgres.Copying;
using Pocketgres.Engine;
using Pocketgres.Engine.Shell;
using Pocketgres.Kernel;

namespace Pocketgres.Transfer;

/// <summary>Runs one of PostgreSQL's programs as a step of something else: a cancellation interrupts it, and is thrown when it has ended.</summary>
/// <param name="log">Where to keep what it writes to standard output and error; null for those of this process.</param>
internal sealed class ProgramStep(ProgramLog? log)
{
    private const int SignalBase = 128;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <summary>Why it failed, for the end of a message.</summary>
    /// <param name="program">The program's name.</param>
    public string Reason(string program) => log is null ? $"{program} says above why" : log.Read() is { Length: > 0 } text ? text : $"{program} does not say why";

    /// <summary>Runs it to its end.</summary>
    /// <returns>Its exit code, or 128 + N when signal N ended it.</returns>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    /// <exception cref="CopyException">It has crashed.</exception>
    public async Task<int> RunAsync(string name, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? variables, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var program = UserProgram.Start(EngineFiles.Default, name, arguments, variables, log?.Path);
        var end = Task.Run(() => Wait(program), CancellationToken.None);
        await using (cancellationToken.Register(() => program.Signal(Signal.Interrupt)))
        {
            // What does not mind the interrupt (psql between two statements) has no handler for the other one.
            if (await Task.WhenAny(end, Task.Delay(Timeout.Infinite, cancellationToken)) != end && await Task.WhenAny(end, Task.Delay(s_patience, CancellationToken.None)) != end)
            {
                program.Signal(Signal.Terminate);
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
            return (status & 0x7F) is 0 ? status >> 8 : SignalBase + (status & 0x7F);
        }
        catch (InvalidOperationException e)
        {
            throw new CopyException(e.Message, e);
        }
    }
}

/// <summary>A file that keeps what programs say, as long as this object lives.</summary>
internal sealed class ProgramLog : IDisposable
{
    private const int MaximumLines = 3;

    /// <summary>Its path.</summary>
    public string Path { get; } = System.IO.Path.GetTempFileName();

    /// <summary>The last lines, as one.</summary>
    public string Read() => string.Join("; ", File.ReadLines(Path).Select(l => l.Trim()).Where(l => l.Length > 0).TakeLast(MaximumLines));

    /// <inheritdoc/>
    public void Dispose() => File.Delete(Path);
}
