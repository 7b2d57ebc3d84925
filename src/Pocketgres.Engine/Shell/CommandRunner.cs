using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Engine.Shell;

/// <summary>
/// Runs the command lines of system(3) and popen(3): programs of the engine (postgres, started by initdb) as processes of the same kernel, everything else by
/// the host's shell.
/// </summary>
internal static unsafe class CommandRunner
{
    private const int NotExecutable = 127 << 8;

    /// <summary>Starts a command line, with a standard input and output of its own where they are given.</summary>
    public static ICommand Start(Process parent, string line, OpenFile? input, OpenFile? output)
    {
        if (ShellCommand.TryParse(line) is { } command)
        {
            if (PostgresProcess.Of(parent).Programs.Find(command.Arguments[0]) is { } program)
            {
                return StartProgram(parent, program, command, input, output);
            }

            if (command.Arguments[0] == "locale" && output is not null)
            {
                // The module's C library has these locales whatever the host has.
                return new FinishedCommand(WriteAll(output, "C\nC.UTF-8\nPOSIX\n"u8));
            }
        }

        return HostCommand.Start(parent, line, input, output, inherits: PostgresProcess.Of(parent).Programs.OfUser);
    }

    private static ICommand StartProgram(Process parent, ProgramImage program, ShellCommand command, OpenFile? input, OpenFile? output)
    {
        var files = parent.Files.Fork();
        files.CloseWhere(static (fd, _) => fd > 2);
        if (input is not null)
        {
            files.Replace(0, input.AddReference());
        }

        if (output is not null)
        {
            files.Replace(1, output.AddReference());
        }

        var error = Redirect(parent, files, 0, command.Input, OpenFlags.ReadOnly);
        error = error == Errno.None ? Redirect(parent, files, 1, command.Output, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate) : error;
        if (error != Errno.None)
        {
            files.CloseAll();
            return new FinishedCommand(NotExecutable);
        }

        if (command.ErrorToOutput)
        {
            files.TryGet(1, out var standardOutput);
            files.Replace(2, standardOutput!.AddReference());
        }

        var child = parent.Kernel.Spawn(program, command.Arguments, parent.Environment, parent.WorkingDirectory,
            Path.GetFileName(command.Arguments[0]), parent.Pid, files, PostgresProcess.Master(PostgresProcess.Of(parent).Programs));
        return new ProgramCommand(parent, child.Pid);
    }

    private static Errno Redirect(Process parent, FileDescriptorTable files, int fd, string? path, OpenFlags flags)
    {
        if (path is null)
        {
            return Errno.None;
        }

        var error = parent.Kernel.FileSystem.Open(Path.Combine(parent.WorkingDirectory, path), flags, 0x1B6, out var file);
        if (error == Errno.None)
        {
            files.Replace(fd, file!);
        }

        return error;
    }

    private static int WriteAll(OpenFile output, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* p = bytes)
        {
            return output.Write(p, bytes.Length) == bytes.Length ? 0 : 1 << 8;
        }
    }

    private sealed class FinishedCommand(int status) : ICommand
    {
        public int Wait() => status;
    }

    private sealed class ProgramCommand(Process parent, int pid) : ICommand
    {
        public int Wait() => parent.Kernel.Processes.Wait(parent, pid);
    }
}
