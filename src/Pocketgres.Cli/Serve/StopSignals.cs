using System.Runtime.InteropServices;
using Pocketgres.Engine;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// The signals of a terminal or a supervisor. SIGINT and SIGTERM: a fast shutdown, the second one an immediate one, the third one ends the process
/// at once. SIGQUIT: immediate. SIGHUP: reload. SIGUSR1, which would end the process: what pg_ctl promote wants.
/// </summary>
internal sealed partial class StopSignals : IDisposable
{
    private const int SignalInterrupt = 2, SignalQuit = 3, SignalTerminate = 15;
    private const PosixSignal SignalUser1 = (PosixSignal)10; // Linux' number; .NET names only some

    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Action<ShutdownMode> _stop;
    private readonly SignalCounter _wishes = new(() => Environment.TickCount64);

    /// <summary>Takes over the signals.</summary>
    /// <param name="stop">Asks for a stop; called on a thread of the pool, must not block.</param>
    /// <param name="reload">Asks for a reload; called likewise.</param>
    /// <param name="lookForPromotion">Asks for a look at the file "promote"; called likewise.</param>
    public StopSignals(Action<ShutdownMode> stop, Action reload, Action lookForPromotion)
    {
        _stop = stop;
        Unignore(SignalInterrupt);
        Unignore(SignalQuit);
        Register(PosixSignal.SIGINT, context => OnStop(context, SignalInterrupt));
        Register(PosixSignal.SIGTERM, context => OnStop(context, SignalTerminate));
        Register(PosixSignal.SIGQUIT, context =>
        {
            context.Cancel = true;
            stop(ShutdownMode.Immediate);
        });
        Register(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            reload();
        });
        Register(SignalUser1, context =>
        {
            context.Cancel = true;
            lookForPromotion();
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void Register(PosixSignal signal, Action<PosixSignalContext> handler) => _registrations.Add(PosixSignalRegistration.Create(signal, handler));

    private void OnStop(PosixSignalContext context, int number)
    {
        context.Cancel = true;
        switch (_wishes.Add())
        {
            case 0:
                break;
            case 1:
                _stop(ShutdownMode.Fast);
                break;
            case 2:
                _stop(ShutdownMode.Immediate);
                break;
            default:
                // Not Environment.Exit: that would wait for what did not end when asked twice.
                ExitAtOnce(ExitCode.SignalBase + number);
                break;
        }
    }

    // A shell without job control starts background jobs with SIGINT and SIGQUIT ignored, and .NET leaves ignored signals alone. A server that its
    // supervisor cannot interrupt is no use: like Postgres, take them. SIGHUP stays ignored when it is: that is what nohup is for.
    private static unsafe void Unignore(int signal)
    {
        // struct sigaction begins with the handler's address, in glibc and musl; 152 bytes at most. All zero is SIG_DFL without flags.
        const int StructSize = 256;
        const nint Ignored = 1;
        byte* action = stackalloc byte[StructSize];
        if (SignalAction(signal, null, action) == 0 && *(nint*)action == Ignored)
        {
            new Span<byte>(action, StructSize).Clear();
            _ = SignalAction(signal, action, null);
        }
    }

    [LibraryImport("libc", EntryPoint = "sigaction")]
    private static unsafe partial int SignalAction(int signal, byte* action, byte* previous);

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitAtOnce(int status);
}
