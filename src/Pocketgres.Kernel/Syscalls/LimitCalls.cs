using System.Text;
using Pocketgres.Kernel.Native;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Limits, resource usage and the system's name.</summary>
public static unsafe class LimitCalls
{
    private const int Stack = 3, OpenFiles = 7; // RLIMIT_*

    /// <summary>prlimit(2) of the calling process: struct rlimit is two 64-bit numbers. Nothing can be changed.</summary>
    [HostFunction("__syscall_prlimit64")]
    public static int Limit(byte* m, int pid, int resource, int newLimit, int oldLimit)
    {
        var process = Process.From(m);
        if (newLimit != 0)
        {
            return -(int)Errno.EPERM;
        }

        if (oldLimit != 0)
        {
            long limit = resource switch
            {
                Stack => StackSize(process),
                OpenFiles => process.Files.Limit,
                _ => -1, // RLIM_INFINITY
            };
            long* result = (long*)(m + (uint)oldLimit);
            result[0] = result[1] = limit;
        }

        return 0;
    }

    /// <summary>getrlimit(2).</summary>
    [HostFunction("__syscall_ugetrlimit")]
    public static int GetLimit(byte* m, int resource, int limit) => Limit(m, 0, resource, 0, limit);

    /// <summary>setrlimit(2): a limit that there is already may be set.</summary>
    [HostFunction("__syscall_setrlimit")]
    public static int SetLimit(byte* m, int resource, int limit) =>
        resource == OpenFiles && *(ulong*)(m + (uint)limit) <= (ulong)Process.From(m).Files.Limit ? 0 : -(int)Errno.EPERM;

    /// <summary>getrusage(2): the processor time of the calling process, which is a thread; {i64 seconds, long microseconds} of user and system time, in 16 bytes each.</summary>
    [HostFunction("__syscall_getrusage", Locking = KernelLocking.None)]
    public static int Usage(byte* m, int who, int usage)
    {
        const int thread = 1, children = -1, counters = 14; // RUSAGE_THREAD, RUSAGE_CHILDREN
        var process = Process.From(m);
        byte* result = m + (uint)usage;
        new Span<byte>(result, 32 + (counters * process.Program.DataModel.PointerSize)).Clear();
        if (who == children)
        {
            return 0;
        }

        var host = stackalloc long[32]; // struct rusage of 64-bit Linux: 144 bytes, the same two times first
        if (Libc.getrusage(thread, host) != 0)
        {
            return -(int)Files.HostErrno.Last();
        }

        new Span<long>(host, 4).CopyTo(new Span<long>(result, 4));
        return 0;
    }

    /// <summary>uname(2): six strings of 65 bytes.</summary>
    [HostFunction("__syscall_uname", Locking = KernelLocking.None)]
    public static int Name(byte* m, int buffer)
    {
        const int length = 65;
        string[] fields = ["Pocketgres", "localhost", "1", "1", Process.From(m).Program.DataModel.PointerSize == 8 ? "wasm64" : "wasm32", "(none)"];
        new Span<byte>(m + (uint)buffer, length * fields.Length).Clear();
        for (int i = 0; i < fields.Length; i++)
        {
            Encoding.ASCII.GetBytes(fields[i], new Span<byte>(m + (uint)buffer + (i * length), length));
        }

        return 0;
    }

    /// <summary>The linker puts the shadow stack first, so that it ends where the stack pointer begins.</summary>
    private static long StackSize(Process process)
    {
        foreach (var global in process.Program.Main.Manifest.Globals)
        {
            if (global.Slot == InstanceLayout.StackPointer)
            {
                return global.Value;
            }
        }

        return -1;
    }
}
