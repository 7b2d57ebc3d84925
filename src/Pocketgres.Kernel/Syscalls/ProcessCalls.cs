using System.Text;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Process life, identity, environment, dynamic linking, randomness.</summary>
public static unsafe class ProcessCalls
{
    /// <summary>exit(3).</summary>
    [HostFunction("exit", Locking = KernelLocking.None)]
    public static void Exit(byte* m, int code) => throw ExitException.WithCode(code);

    /// <summary>_exit(2).</summary>
    [HostFunction("proc_exit", Locking = KernelLocking.None)]
    public static void ExitNow(byte* m, int code) => throw ExitException.WithCode(code);

    /// <summary>abort(3).</summary>
    [HostFunction("_abort_js", Locking = KernelLocking.None)]
    public static void Abort(byte* m) => throw new TrapException("abort() called");

    /// <summary>assert(3) failed.</summary>
    [HostFunction("__assert_fail", Locking = KernelLocking.None)]
    public static void AssertFail(byte* m, int condition, int file, int line, int function) =>
        throw new TrapException($"assertion failed: {CString.Read(m, condition)} at {CString.Read(m, file)}:{line}");

    /// <summary>longjmp(3)'s second half: unwinds to the invoke_ thunk whose setjmp it was.</summary>
    [HostFunction("_emscripten_throw_longjmp", Locking = KernelLocking.None)]
    public static void ThrowLongjmp(byte* m) => throw Process.From(m).NewLongjmp();

    /// <summary>Runtime life-time bookkeeping of a browser: nothing to do for a process.</summary>
    [HostFunction("_emscripten_runtime_keepalive_clear", Locking = KernelLocking.None)]
    public static void KeepAliveClear(byte* m)
    {
        // The process lives until main returns or exits.
    }

    /// <summary>Calls a signal handler.</summary>
    [HostFunction("__call_sighandler", Locking = KernelLocking.None)]
    public static void CallSignalHandler(byte* m, int handler, int signal) =>
        ((delegate*<byte*, int, void>)FunctionTable.Get(m, handler))(m, signal);

    /// <summary>getuid(2): the program runs as the owner of its files, whoever that is on the host; file status reports the same.</summary>
    [HostFunction("__syscall_getuid32", Locking = KernelLocking.None)]
    public static int GetUserId(byte* m) => Process.From(m).Program.Abi.UserId;

    /// <inheritdoc cref="GetUserId"/>
    [HostFunction("__syscall_geteuid32", Locking = KernelLocking.None)]
    public static int GetEffectiveUserId(byte* m) => Process.From(m).Program.Abi.UserId;

    /// <inheritdoc cref="GetUserId"/>
    [HostFunction("__syscall_getgid32", Locking = KernelLocking.None)]
    public static int GetGroupId(byte* m) => Process.From(m).Program.Abi.UserId;

    /// <inheritdoc cref="GetUserId"/>
    [HostFunction("__syscall_getegid32", Locking = KernelLocking.None)]
    public static int GetEffectiveGroupId(byte* m) => Process.From(m).Program.Abi.UserId;

    /// <summary>Number and total size of the environment strings.</summary>
    [HostFunction("environ_sizes_get", Locking = KernelLocking.None)]
    public static int EnvironmentSizes(byte* m, int count, int size)
    {
        var process = Process.From(m);
        var environment = process.Environment;
        process.Program.DataModel.WritePointer(m, count, environment.Count);
        int bytes = 0;
        foreach (string entry in environment)
        {
            bytes += Encoding.UTF8.GetByteCount(entry) + 1;
        }

        process.Program.DataModel.WritePointer(m, size, bytes);
        return 0;
    }

    /// <summary>The environment strings and pointers to them.</summary>
    [HostFunction("environ_get", Locking = KernelLocking.None)]
    public static int EnvironmentGet(byte* m, int pointers, int buffer)
    {
        var process = Process.From(m);
        var model = process.Program.DataModel;
        foreach (string entry in process.Environment)
        {
            model.WritePointer(m, pointers, buffer);
            pointers += model.PointerSize;
            int size = Encoding.UTF8.GetByteCount(entry) + 1;
            CString.TryWrite(m, buffer, size, entry);
            buffer += size;
        }

        return 0;
    }

    /// <summary>getrandom(2).</summary>
    [HostFunction("random_get", Locking = KernelLocking.None)]
    public static int RandomGet(byte* m, int buffer, int count)
    {
        if (count < 0 || !LinearMemory.Contains(m, buffer, count))
        {
            return (int)Errno.EFAULT;
        }

        HostRandom.Fill(new Span<byte>(m + (uint)buffer, count));
        return 0;
    }

    /// <summary>dlopen(3): 1 on success, 0 with dlerror(3) set.</summary>
    [HostFunction("_dlopen_js")]
    public static int DlOpen(byte* m, int handle)
    {
        var process = Process.From(m);
        try
        {
            string library = process.Linker.Open(handle);
            process.Program.Abi.LibraryLoaded?.Invoke(process, library);
            return 1;
        }
        catch (DynamicLinkException e)
        {
            SetDlError(process, e.Message);
            return 0;
        }
    }

    /// <summary>dlsym(3): the symbol, or 0 with dlerror(3) set.</summary>
    [HostFunction("_dlsym_js")]
    public static int DlSym(byte* m, int handle, int name, int index)
    {
        var process = Process.From(m);
        string symbol = CString.Read(m, name);
        int result = process.Linker.Symbol(handle, symbol);
        if (result == 0)
        {
            SetDlError(process, $"undefined symbol: {symbol}");
        }

        return result;
    }

    private static void SetDlError(Process process, string message)
    {
        // __dl_seterr(const char *format, ...) of musl's dlerror.c: the variable arguments are a block of words.
        if (!process.Program.Main.Manifest.Functions.TryGetValue("__dl_seterr", out var f))
        {
            return;
        }

        byte* m = process.Memory;
        int stack = process.StackPointer;
        int size = Encoding.UTF8.GetByteCount(message) + 1;
        int text = process.StackAllocate(size);
        int format = process.StackAllocate(4);
        var model = process.Program.DataModel;
        int arguments = process.StackAllocate(model.PointerSize);
        CString.TryWrite(m, text, size, message);
        CString.TryWrite(m, format, 4, "%s");
        model.WritePointer(m, arguments, text);
        nint report = process.Program.Main.Function(f.Index);
        if (model.PointerSize == 8)
        {
            ((delegate*<byte*, long, long, void>)report)(m, (uint)format, (uint)arguments);
        }
        else
        {
            ((delegate*<byte*, int, int, void>)report)(m, format, arguments);
        }

        process.StackPointer = stack;
    }

    /// <summary>What program_invocation_name is set to: the process's label.</summary>
    [HostFunction("_emscripten_get_progname", Locking = KernelLocking.None)]
    public static void ProgramName(byte* m, int buffer, int size) => _ = CString.TryWrite(m, buffer, size, Process.From(m).Title);

    /// <summary>The name of a user, the program's own or one of the host, as getpwuid_r(3) finds it.</summary>
    /// <returns>0, -ENOENT for nobody, -ERANGE for a name that does not fit.</returns>
    [HostFunction("pocket_user_name")]
    public static int UserName(byte* m, int user, int buffer, int size)
    {
        var program = Process.From(m).Program.Abi;
        string? name = user == program.UserId && program.UserName is { } own ? own : HostUsers.NameOf((uint)user);
        return name is null ? -(int)Errno.ENOENT : CString.TryWrite(m, buffer, size, name) ? 0 : -(int)Errno.ERANGE;
    }
}
