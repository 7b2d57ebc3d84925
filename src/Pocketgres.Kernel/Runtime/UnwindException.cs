namespace Pocketgres.Kernel;

/// <summary>
/// What unwinds the .NET stack on behalf of translated code: a C <c>longjmp</c> or a C++ exception. Translated <c>invoke_*</c> thunks catch it, those of modules with C++ exceptions
/// both kinds, all others the former only. It is control flow, not an error.
/// </summary>
public abstract class UnwindException : Exception
{
    /// <summary>Creates the exception.</summary>
    protected UnwindException()
    {
    }

    /// <inheritdoc cref="UnwindException()"/>
    protected UnwindException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="UnwindException()"/>
    protected UnwindException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
