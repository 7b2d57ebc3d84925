using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Port;

/// <summary>
/// system(), popen() and pclose(): PGlite calls them through function pointers that the host sets. Programs of the engine
/// (postgres, started by initdb) run as processes of the same kernel; everything else is the host's shell's.
/// </summary>
internal sealed unsafe class Commands(EnginePrograms programs)
{
    private const int NotExecutable = 127 << 8;

    /// <summary>Sets the three hooks in a freshly loaded program.</summary>
    public static void Install(Process process)
    {
        byte* m = process.Memory;
        Hook("pgl_set_system_fn", (nint)(delegate*<byte*, int, int>)&System);
        Hook("pgl_set_popen_fn", (nint)(delegate*<byte*, int, int, int>)&OpenPipe);
        Hook("pgl_set_pclose_fn", (nint)(delegate*<byte*, int, int>)&ClosePipe);

        void Hook(string setter, nint code) =>
            ((delegate*<byte*, int, void>)process.Export(setter))(process.Memory, process.AddFunctionPointer(code));
    }

    // system(3): the status of the command, -1 with errno when it could not be started.
    private static int System(byte* m, int command)
    {
        var process = Process.From(m);
        if (command == 0)
        {
            return 1;
        }

        return CommandsOf(process).Start(process, CString.Read(m, command), null, null).Wait();
    }

    // popen(3): a stream on the command's output ("r") or input ("w").
    private static int OpenPipe(byte* m, int command, int mode)
    {
        var process = Process.From(m);
        bool reading = CString.Read(m, mode).StartsWith('r');
        var error = Pipe.Create(0, out var readEnd, out var writeEnd);
        if (error != Errno.None)
        {
            return LibcError.Result(m, error) & 0;
        }

        var ours = reading ? readEnd! : writeEnd!;
        var theirs = reading ? writeEnd! : readEnd!;
        var started = CommandsOf(process).Start(process, CString.Read(m, command), reading ? null : theirs, reading ? theirs : null);
        theirs.Release();
        int fd = process.Files.Add(ours);
        int stream = OpenStream(process, $"/dev/fd/{fd}", reading ? "r" : "w");
        process.Files.Close(fd); // the stream has its own duplicate
        if (stream != 0)
        {
            PostgresProcess.Of(process).Commands[stream] = started;
        }

        return stream;
    }

    // pclose(3).
    private static int ClosePipe(byte* m, int stream)
    {
        var process = Process.From(m);
        ((delegate*<byte*, int, int>)process.Export("fclose"))(m, stream);
        return PostgresProcess.Of(process).Commands.Remove(stream, out var command) ? command.Wait() : -1;
    }

    private static Commands CommandsOf(Process process) => PostgresProcess.Of(process).Programs.Commands;

    private static int OpenStream(Process process, string path, string mode)
    {
        byte* m = process.Memory;
        int stack = process.StackPointer;
        int pathText = process.StackAllocate(path.Length + 1);
        int modeText = process.StackAllocate(2);
        CString.TryWrite(m, pathText, path.Length + 1, path);
        CString.TryWrite(m, modeText, 2, mode);
        int stream = ((delegate*<byte*, int, int, int>)process.Export("fopen"))(m, pathText, modeText);
        process.StackPointer = stack;
        return stream;
    }

    private ICommand Start(Process parent, string line, OpenFile? input, OpenFile? output)
    {
        if (ShellCommand.TryParse(line) is { } command)
        {
            if (programs.Find(command.Arguments[0]) is { } program)
            {
                return StartProgram(parent, program, command, input, output);
            }

            if (command.Arguments[0] == "locale" && output is not null)
            {
                // The module's C library has these locales whatever the host has.
                return new FinishedCommand(WriteAll(output, "C\nC.UTF-8\nPOSIX\n"u8));
            }
        }

        return HostCommand.Start(parent, line, input, output);
    }

    private static ICommand StartProgram(Process parent, Kernel.Programs.ProgramImage program, ShellCommand command, OpenFile? input, OpenFile? output)
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
