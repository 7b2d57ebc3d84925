using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Engine.Port.Cxx;

/// <summary>
/// Throwing C++ exceptions. The extensions' libraries are compiled without handlers: nothing in them can catch. An exception ends in the innermost
/// guarded function (<c>FunctionGuard</c> of Pocketgres.Wasm), or, when there is none, in an ERROR with its message. Either way destructors do not
/// run: what the abandoned frames had allocated stays allocated until the session ends.
/// </summary>
public static unsafe class ExceptionCalls
{
    private const int What = 8; // third entry of std::exception's vtable

    /// <summary>__cxa_throw: does not return.</summary>
    [HostFunction("__cxa_throw")]
    public static void Throw(byte* m, int thrown, int type, int destructor)
    {
        var process = Process.From(m);
        string message = MessageOf(m, process, thrown, type);
        if (process.GuardedException(0) is not null)
        {
            // The guard's reporter takes a format.
            int format = ErrorReport.AllocateString(process, m, message.Replace("%", "%%", StringComparison.Ordinal));
            throw process.GuardedException(format)!;
        }

        ErrorReport.Throw(m, null, message, "cxa_exception.cpp", "__cxa_throw");
    }

    /// <summary>__cxa_uncaught_exceptions: none is ever in flight while translated code runs.</summary>
    [HostFunction("__cxa_uncaught_exceptions")]
    public static int Uncaught(byte* m) => 0;

    /// <summary>__cxa_current_primary_exception: as nothing catches, no exception is being handled.</summary>
    [HostFunction("__cxa_current_primary_exception")]
    public static int Current(byte* m) => 0;

    /// <summary>__cxa_rethrow_primary_exception: nothing for a null pointer, and there are no others.</summary>
    [HostFunction("__cxa_rethrow_primary_exception")]
    public static void Rethrow(byte* m, int exception)
    {
    }

    /// <summary>std::terminate(): the session ends.</summary>
    [HostFunction("_ZSt9terminatev")]
    public static void Terminate(byte* m) => ErrorReport.Write(m, ErrorReport.Fatal, null, "C++ code called std::terminate", "cxa_handlers.cpp", "terminate");

    /// <summary>std::get_new_handler(): none is set.</summary>
    [HostFunction("_ZSt15get_new_handlerv")]
    public static int NewHandler(byte* m) => 0;

    /// <summary>__cxa_thread_atexit: a process has one thread, so as __cxa_atexit.</summary>
    [HostFunction("__cxa_thread_atexit")]
    public static int ThreadAtExit(byte* m, int destructor, int value, int library) =>
        ((delegate*<byte*, int, int, int, int>)Process.From(m).Export("__cxa_atexit"))(m, destructor, value, library);

    private static string MessageOf(byte* m, Process process, int thrown, int type)
    {
        int exception = TypeInformation.Base(m, thrown, type, process.HostVariable("_ZTISt9exception"));
        if (exception == 0)
        {
            return "C++ exception of type " + CString.Read(m, TypeInformation.Name(m, type));
        }

        int what = *(int*)(m + (uint)*(int*)(m + (uint)exception) + What);
        return CString.Read(m, ((delegate*<byte*, int, int>)FunctionTable.Get(m, what))(m, exception));
    }
}
