using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>system(3) and popen(3): command lines, which the layer above starts (<see cref="Programs.ProgramAbi.StartCommand"/>).</summary>
public static unsafe class CommandCalls
{
    /// <summary>system(3): the command's status as waitpid(2) encodes it; for a null pointer, whether there is a shell.</summary>
    [HostFunction("pocket_system")]
    public static int System(byte* m, int command, int environment)
    {
        var process = Process.From(m);
        ReadEnvironment(process, environment);
        var start = process.Program.Abi.StartCommand;
        return command == 0 ? start is null ? 0 : 1
            : start is null ? -(int)Errno.ENOSYS
            : start(process, CString.Read(m, command), null, null).Wait();
    }

    /// <summary>popen(3) without its stream: starts a command with a pipe from its output (<paramref name="reading"/>) or to its input.</summary>
    /// <returns>This process's end of the pipe; what waitpid(2) waits for is stored at <paramref name="id"/>.</returns>
    [HostFunction("pocket_popen")]
    public static int Open(byte* m, int command, int reading, int id, int environment)
    {
        var process = Process.From(m);
        ReadEnvironment(process, environment);
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

    // The program has changed it with setenv(3), perhaps: an array of pointers to strings, a null pointer last.
    private static void ReadEnvironment(Process process, int environment)
    {
        byte* m = process.Memory;
        var model = process.Program.DataModel;
        var strings = new List<string>();
        for (int at = environment, text; at != 0 && (text = model.ReadPointer(m, at)) != 0; at += model.PointerSize)
        {
            strings.Add(CString.Read(m, text));
        }

        process.Environment = strings;
    }
}
