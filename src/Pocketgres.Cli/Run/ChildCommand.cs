using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Pocketgres.Cli.Run;

/// <summary>
/// The command that <c>run</c> runs, with this process's standard streams, and the signals on their way to it. A signal before it has started
/// cancels the start. SIGINT and SIGQUIT of a terminal reach the command without our help, as both are in its foreground process group: handed on
/// once more, they would look like the second Ctrl+C with which people end what does not want to stop.
/// </summary>
internal sealed partial class ChildCommand : IDisposable
{
    private const int CannotExecute = 126, NotFound = 127;
    private const int ErrorAccess = 13, ErrorNoExec = 8;
    private const int Interrupt = 2, Quit = 3, Kill = 9, Terminated = 15;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly IReadOnlyList<string> _words;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly CancellationTokenSource _stopDuringStart = new();
    private readonly Lock _lock = new();
    private Process? _process;
    private int _firstSignal;

    public ChildCommand(IReadOnlyList<string> words)
    {
        _words = words;
        Forward(PosixSignal.SIGINT, Interrupt);
        Forward(PosixSignal.SIGQUIT, Quit);
        Forward(PosixSignal.SIGTERM, Terminated);
        Forward(PosixSignal.SIGHUP, 1);

        // Raw numbers of Linux; .NET names only some.
        Forward((PosixSignal)10, 10);
        Forward((PosixSignal)12, 12);
    }

    /// <summary>Cancelled by a signal that ends, or by <see cref="Terminate"/>, while the command does not run yet.</summary>
    public CancellationToken StopDuringStart => _stopDuringStart.Token;

    /// <summary>The number of the signal that cancelled the start.</summary>
    public int FirstSignal => Volatile.Read(ref _firstSignal);

    /// <summary>Starts the command; completes with the exit code when it has ended.</summary>
    public async Task<int> Run(IReadOnlyDictionary<string, string?> environment)
    {
        var start = new ProcessStartInfo(_words[0], _words.Skip(1)) { UseShellExecute = false };
        foreach (var (name, value) in environment)
        {
            if (value is null)
            {
                start.Environment.Remove(name);
            }
            else
            {
                start.Environment[name] = value;
            }
        }

        Process process;
        try
        {
            lock (_lock)
            {
                if (_firstSignal != 0)
                {
                    return ExitCode.SignalBase + _firstSignal;
                }

                _process = process = Process.Start(start)!;
            }
        }
        catch (Win32Exception e)
        {
            bool found = e.NativeErrorCode is ErrorAccess or ErrorNoExec;
            return Program.Fail(
                found ? $"{_words[0]} cannot be executed: {e.Message}" : $"{_words[0]} is not found: give a path, or a program in PATH",
                found ? CannotExecute : NotFound);
        }

        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    /// <summary>Asks the command to stop; after ten seconds, makes it.</summary>
    public void Terminate()
    {
        Send(Terminated);
        _ = Task.Delay(s_patience).ContinueWith(_ => Send(Kill), TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        lock (_lock)
        {
            _process?.Dispose();
            _process = null;
        }

        _stopDuringStart.Dispose();
    }

    private void Forward(PosixSignal signal, int number) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        if (number is not (Interrupt or Quit) || !IsOfTerminal())
        {
            Send(number);
        }
    }));

    private void Send(int signal)
    {
        lock (_lock)
        {
            if (_process is { HasExited: false } process)
            {
                _ = SendSignal(process.Id, signal);
            }
            else if (_process is null && _firstSignal == 0)
            {
                _firstSignal = signal;
                _stopDuringStart.Cancel();
            }
        }
    }

    // Before the command runs a terminal's signal is ours.
    private bool IsOfTerminal()
    {
        lock (_lock)
        {
            return _process is not null && ForegroundGroup(0) is > 0 and int group && group == OwnGroup();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "tcgetpgrp")]
    private static partial int ForegroundGroup(int descriptor);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    private static partial int OwnGroup();
}
