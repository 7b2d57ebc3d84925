namespace Pocketgres.Kernel;

/// <summary>
/// Carries a C <c>longjmp</c> up the .NET stack. Thrown by the host's <c>_emscripten_throw_longjmp</c> after C code has stored
/// the jump buffer; caught only by the translated <c>invoke_*</c> thunks, which restore the shadow stack pointer and call
/// <c>setThrew(1, 0)</c>. It is control flow, not an error.
/// </summary>
public sealed class LongjmpException : UnwindException
{
    /// <summary>Creates the exception.</summary>
    public LongjmpException()
        : base("longjmp outside of any setjmp scope")
    {
    }

    /// <inheritdoc cref="LongjmpException()"/>
    public LongjmpException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="LongjmpException()"/>
    public LongjmpException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
