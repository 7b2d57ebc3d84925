namespace Pocketgres.Kernel;

/// <summary>
/// Carries a C++ exception up the .NET stack. Thrown by the host's <c>pocket_throw_exception</c>; caught by the <c>invoke_*</c> thunks of modules that have C++ exceptions, whose code then
/// looks for a handler. C code that was compiled without them lets it pass, as natively; if nobody catches it, the process ends by SIGABRT, as std::terminate ends it.
/// </summary>
public sealed class CppException : UnwindException
{
    /// <summary>Creates the exception.</summary>
    public CppException()
        : base("terminating due to an uncaught C++ exception")
    {
    }

    /// <summary>Creates the exception with what is said if nobody catches it.</summary>
    public CppException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="CppException(string)"/>
    public CppException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
