using Pocketgres.Engine.Shell;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Port;

/// <summary>
/// system(), popen() and pclose(): PGlite calls them through function pointers that the host sets. Programs of the engine
/// (postgres, started by initdb) run as processes of the same kernel; everything else is the host's shell's.
/// </summary>
internal static unsafe class Commands
{
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

        return CommandRunner.Start(process, CString.Read(m, command), null, null).Wait();
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
        var started = CommandRunner.Start(process, CString.Read(m, command), reading ? null : theirs, reading ? theirs : null);
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
}
