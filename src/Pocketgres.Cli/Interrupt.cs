using System.Runtime.InteropServices;

namespace Pocketgres.Cli;

/// <summary>SIGINT and SIGTERM as a cancellation, so that what was made for the time of the command is removed.</summary>
internal sealed class Interrupt : IDisposable
{
    private const int Terminate = 15;

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;
    private int _signal;

    public Interrupt()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Arrived(context, 2));
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Arrived(context, Terminate));
    }

    /// <summary>Cancelled by the first signal; a second one ends the process.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The signal's number.</summary>
    public int Signal => Volatile.Read(ref _signal);

    /// <summary>As SIGTERM would.</summary>
    public void Cancel()
    {
        if (Interlocked.CompareExchange(ref _signal, Terminate, 0) == 0)
        {
            _source.Cancel();
        }
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _source.Dispose();
    }

    private void Arrived(PosixSignalContext context, int number)
    {
        if (Interlocked.CompareExchange(ref _signal, number, 0) == 0)
        {
            context.Cancel = true;
            _source.Cancel();
        }
    }
}
