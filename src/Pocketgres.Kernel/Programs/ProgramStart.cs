using System.Text;

namespace Pocketgres.Kernel.Programs;

/// <summary>execve(2)'s last part: load the program, put argv on its stack, call main.</summary>
internal static unsafe class ProgramStart
{
    /// <summary>Runs main; ends by <see cref="ExitException"/> with its result.</summary>
    public static void Run(Process process, IReadOnlyList<string> arguments)
    {
        process.Linker.LoadMain();
        if (process.HasPendingSignals)
        {
            process.RequestReschedule(); // the request was written to memory that the data image has replaced
        }

        process.Program.Abi.Loaded?.Invoke(process);
        byte* m = process.Memory;
        var model = process.Program.DataModel;
        int argv = process.StackAllocate((arguments.Count + 1) * model.PointerSize);
        for (int i = 0; i < arguments.Count; i++)
        {
            int size = Encoding.UTF8.GetByteCount(arguments[i]) + 1;
            int text = process.StackAllocate(size);
            CString.TryWrite(m, text, size, arguments[i]);
            model.WritePointer(m, argv + (i * model.PointerSize), text);
        }

        model.WritePointer(m, argv + (arguments.Count * model.PointerSize), 0);
        nint main = process.Export("__main_argc_argv");
        int code = model.PointerSize == 8
            ? ((delegate*<byte*, int, long, int>)main)(m, arguments.Count, (uint)argv)
            : ((delegate*<byte*, int, int, int>)main)(m, arguments.Count, argv);
        throw ExitException.WithCode(code);
    }
}
