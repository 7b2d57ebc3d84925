namespace Pocketgres.Kernel.Syscalls;

/// <summary>
/// The half of C++ exceptions that code in a module cannot do by itself, which is to unwind the stack; all else - catch clauses, types, lifetimes - is <c>eng/engine/exceptions.cpp</c>.
/// Which exception it is, the kernel knows: each module has a C++ library of its own, and the one that catches may be another than the one that throws.
/// </summary>
public static unsafe class ExceptionCalls
{
    /// <summary>Unwinds to the next frame that has a catch clause or a destructor.</summary>
    /// <param name="m">Linear memory.</param>
    /// <param name="exception">The object that is thrown.</param>
    /// <param name="type">Name of its type, as the compiler has it (mangled); said if nobody catches it.</param>
    /// <param name="what">What it says of itself, or null.</param>
    [HostFunction("pocket_throw_exception", Locking = KernelLocking.None)]
    public static void Throw(byte* m, int exception, int type, int what)
    {
        Process.From(m).ThrownException = exception;
        string message = $"terminating due to an uncaught C++ exception of type {CString.Read(m, type)}";
        throw new CppException(what == 0 ? message : $"{message}: {CString.Read(m, what)}");
    }

    /// <summary>The object thrown last: asked for where it arrives, before anything else runs.</summary>
    [HostFunction("pocket_thrown_exception", Locking = KernelLocking.None)]
    public static int Thrown(byte* m) => Process.From(m).ThrownException;
}
