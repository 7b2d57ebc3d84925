using Pocketgres.Kernel.Programs;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Threads of a process, of which one runs at a time.</summary>
public static unsafe class ThreadCalls
{
    /// <summary>
    /// Starts a thread that calls <paramref name="entry"/> with <paramref name="argument"/> and ends when that returns; <paramref name="stack"/> is the top of its stack in linear memory.
    /// </summary>
    /// <returns>0 or a negated errno.</returns>
    [HostFunction("pocket_thread")]
    public static int Start(byte* m, int entry, int argument, int stack)
    {
        try
        {
            Process.From(m).StartThread(stack, thread => Enter(thread, entry, argument));
            return 0;
        }
        catch (Exception e) when (e is HostResourceException or OutOfMemoryException)
        {
            return -(int)Errno.EAGAIN;
        }
    }

    private static void Enter(Process thread, int entry, int argument)
    {
        nint code = FunctionTable.Get(thread.Memory, entry);
        if (thread.Program.DataModel.PointerSize == 8)
        {
            ((delegate*<byte*, long, void>)code)(thread.Memory, (uint)argument);
        }
        else
        {
            ((delegate*<byte*, int, void>)code)(thread.Memory, argument);
        }
    }
}
