namespace Pocketgres.Kernel;

/// <summary>A program recursed beyond what its thread's stack allows, where it could not report an error: the process crashes as by SIGSEGV.</summary>
public sealed class StackLimitException : Exception
{
    /// <summary>Creates the exception.</summary>
    public StackLimitException()
        : base("the stack of the process's thread is full")
    {
    }

    /// <inheritdoc cref="StackLimitException()"/>
    public StackLimitException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="StackLimitException()"/>
    public StackLimitException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
