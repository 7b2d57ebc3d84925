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
        int argv = process.StackAllocate((arguments.Count + 1) * sizeof(int));
        for (int i = 0; i < arguments.Count; i++)
        {
            int size = Encoding.UTF8.GetByteCount(arguments[i]) + 1;
            int text = process.StackAllocate(size);
            CString.TryWrite(m, text, size, arguments[i]);
            ((int*)(m + (uint)argv))[i] = text;
        }

        ((int*)(m + (uint)argv))[arguments.Count] = 0;
        int code = ((delegate*<byte*, int, int, int>)process.Program.Main.Export("__main_argc_argv"))(m, arguments.Count, argv);
        throw ExitException.WithCode(code);
    }
}
