using System.Diagnostics;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Programs;
using HostProcess = System.Diagnostics.Process;
using Process = Pocketgres.Kernel.Process;

namespace Pocketgres.Engine.Shell;

/// <summary>
/// A command run by the host's shell: archive_command, restore_command, COPY ... PROGRAM. Its streams are pumped between the host's
/// pipes and the kernel's on threads of the pool.
/// </summary>
/// <remarks>
/// Postgres signals its children's whole process groups, commands included (signal_child in postmaster.c, pg_signal_backend): a signal that ends a
/// program therefore ends the command too, at once and with everything it started. Otherwise a restore_command that hangs would keep the server from
/// stopping, and a cancelled COPY ... PROGRAM from being cancelled.
/// </remarks>
internal sealed unsafe class HostCommand : ICommand
{
    private const int PumpSize = 64 * 1024;
    private const int SignalExitBase = 128; // how a shell reports a command that a signal ended

    private readonly Process _parent;
    private readonly List<Task> _pumps = [];
    private volatile HostProcess? _process;
    private int _endedBy;

    private HostCommand(Process parent, bool inherits)
    {
        _parent = parent;
        if (!inherits) // otherwise who signals the .NET process's group reaches the command by itself
        {
            parent.SignalPosted += OnSignal;
        }
    }

    /// <summary>Starts <c>/bin/sh -c line</c> in the process's directory, as Postgres does; references to the streams are kept until it ends.</summary>
    /// <param name="parent">Whose command it is.</param>
    /// <param name="line">The command line.</param>
    /// <param name="input">Its standard input; null for none, or with <paramref name="inherits"/> for that of the .NET process.</param>
    /// <param name="output">Its standard output; null for the log, or with <paramref name="inherits"/> for that of the .NET process.</param>
    /// <param name="inherits">It is a command of the user's who runs the .NET process.</param>
    public static HostCommand Start(Process parent, string line, OpenFile? input, OpenFile? output, bool inherits)
    {
        var info = new ProcessStartInfo("/bin/sh")
        {
            RedirectStandardInput = input is not null || !inherits,
            RedirectStandardOutput = output is not null,
            UseShellExecute = false,
        };
        info.ArgumentList.Add("-c");

        // The server's own standard output is the program's that hosts it: what a command prints goes to the log, as it would with Postgres.
        info.ArgumentList.Add(output is null && !inherits ? "exec 1>&2\n" + line : line);
        if (inherits)
        {
            info.Environment.Clear();
            foreach (string variable in parent.Environment)
            {
                int equals = variable.IndexOf('=', StringComparison.Ordinal);
                if (equals > 0)
                {
                    info.Environment[variable[..equals]] = variable[(equals + 1)..];
                }
            }
        }

        if (Directory.Exists(parent.WorkingDirectory))
        {
            info.WorkingDirectory = parent.WorkingDirectory;
        }

        var command = new HostCommand(parent, inherits);
        HostProcess? process;
        try
        {
            process = parent.RunBlocking(() => HostProcess.Start(info)); // fork and exec take milliseconds
        }
        catch (System.ComponentModel.Win32Exception)
        {
            process = null;
        }

        if (process is not null)
        {
            command.Attach(process, input, output);
        }

        return command;
    }

    /// <inheritdoc/>
    public int Wait()
    {
        if (_process is null)
        {
            _parent.SignalPosted -= OnSignal;
            return 127 << 8;
        }

        var process = _process;
        return _parent.RunBlocking(() =>
        {
            process.WaitForExit();
            Task.WaitAll([.. _pumps]);
            _parent.SignalPosted -= OnSignal;
            int code = process.ExitCode;
            process.Dispose();
            return _endedBy != 0 ? _endedBy
                : code > SignalExitBase ? code - SignalExitBase : (code & 0xFF) << 8;
        });
    }

    private void Attach(HostProcess process, OpenFile? input, OpenFile? output)
    {
        if (input is null)
        {
            if (process.StartInfo.RedirectStandardInput)
            {
                process.StandardInput.Close();
            }
        }
        else
        {
            var from = input.AddReference();
            _pumps.Add(Task.Run(() => PumpToHost(_parent.Kernel, from, process.StandardInput.BaseStream)));
        }

        if (output is not null)
        {
            var to = output.AddReference();
            _pumps.Add(Task.Run(() => PumpFromHost(_parent.Kernel, process.StandardOutput.BaseStream, to)));
        }

        // Pairs with OnSignal: a signal that came while the command was being started ends it here.
        _process = process;
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _endedBy) != 0)
        {
            _ = Task.Run(() => End(process));
        }
    }

    private void OnSignal(int signal)
    {
        if (signal is Signal.Interrupt or Signal.Quit or Signal.Terminate or Signal.Kill && Interlocked.CompareExchange(ref _endedBy, signal, 0) == 0
            && _process is { } process)
        {
            _ = Task.Run(() => End(process)); // looks for the command's children, which takes a while
        }
    }

    private static void End(HostProcess process)
    {
        try
        {
            if (!process.HasExited)
            {
                HostProcessTree.Kill(process.Id);
            }
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself and is disposed.
        }
    }

    // The kernel's pipes are host pipes, so these threads can wait on them without the kernel's lock; only the count of references needs it.
    private static void PumpToHost(PosixKernel kernel, OpenFile from, Stream to)
    {
        var buffer = new byte[PumpSize];
        try
        {
            while (true)
            {
                int n;
                fixed (byte* p = buffer)
                {
                    n = HostPoll.Read(from, p, buffer.Length);
                }

                if (n <= 0)
                {
                    break;
                }

                to.Write(buffer, 0, n);
                to.Flush();
            }
        }
        catch (IOException)
        {
            // The command closed its input: the writer learns by EPIPE when our end is closed below.
        }
        finally
        {
            to.Dispose();
            kernel.RunLocked(() => Release(from));
        }
    }

    private static void PumpFromHost(PosixKernel kernel, Stream from, OpenFile to)
    {
        var buffer = new byte[PumpSize];
        try
        {
            int n;
            while ((n = from.Read(buffer)) > 0)
            {
                fixed (byte* p = buffer)
                {
                    if (!HostPoll.WriteAll(to, p, n))
                    {
                        break; // the reader closed its end; the command gets SIGPIPE once its pipe is closed
                    }
                }
            }
        }
        finally
        {
            from.Dispose();
            kernel.RunLocked(() => Release(to));
        }
    }

    private static bool Release(OpenFile file)
    {
        file.Release();
        return true;
    }
}
