namespace Pocketgres.Kernel;

/// <summary>
/// A WebAssembly trap: <c>unreachable</c>, a call through an empty table slot, or an instruction the host does not support.
/// Integer division faults surface as <see cref="DivideByZeroException"/> and <see cref="OverflowException"/> instead.
/// Whichever it is, the process' C stack is gone and its memory inconsistent: treat the process as crashed.
/// </summary>
public sealed class TrapException : Exception
{
    /// <summary>Creates a trap without a message of its own.</summary>
    public TrapException()
    {
    }

    /// <summary>Creates a trap that says what was attempted.</summary>
    public TrapException(string message)
        : base(message)
    {
    }

    /// <summary>Creates a trap with its cause.</summary>
    public TrapException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
