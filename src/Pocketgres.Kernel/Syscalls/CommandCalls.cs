using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>system(3) and popen(3): command lines, which the layer above starts (<see cref="Programs.ProgramAbi.StartCommand"/>).</summary>
public static unsafe class CommandCalls
{
    /// <summary>system(3): the command's status as waitpid(2) encodes it; for a null pointer, whether there is a shell.</summary>
    [HostFunction("_emscripten_system")]
    public static int System(byte* m, int command)
    {
        var process = Process.From(m);
        var start = process.Program.Abi.StartCommand;
        return command == 0 ? start is null ? 0 : 1
            : start is null ? -(int)Errno.ENOSYS
            : start(process, CString.Read(m, command), null, null).Wait();
    }

    /// <summary>popen(3) without its stream: starts a command with a pipe from its output (<paramref name="reading"/>) or to its input.</summary>
    /// <returns>This process's end of the pipe; what waitpid(2) waits for is stored at <paramref name="id"/>.</returns>
    [HostFunction("pocket_popen")]
    public static int Open(byte* m, int command, int reading, int id)
    {
        var process = Process.From(m);
        if (process.Program.Abi.StartCommand is not { } start)
        {
            return -(int)Errno.ENOSYS;
        }

        var error = Pipe.Create(0, out var readEnd, out var writeEnd);
        if (error != Errno.None)
        {
            return -(int)error;
        }

        var (ours, theirs) = reading != 0 ? (readEnd!, writeEnd!) : (writeEnd!, readEnd!);
        var started = start(process, CString.Read(m, command), reading != 0 ? null : theirs, reading != 0 ? theirs : null);
        theirs.Release();
        *(int*)(m + (uint)id) = process.AddCommand(started);
        return process.Files.Add(ours);
    }
}
