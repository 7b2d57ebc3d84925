namespace Pocketgres.Kernel;

/// <summary>The host refused memory, address space or descriptors; the message names the limit to look at.</summary>
/// <param name="message">What is wrong.</param>
/// <param name="error">What fork(2) answers for that reason.</param>
public sealed class HostResourceException(string message, Errno error = Errno.ENOMEM) : Exception(message)
{
    /// <summary>What fork(2) answers for that reason: EMFILE or ENFILE for descriptors, else as a rule ENOMEM.</summary>
    public Errno Error => error;
}
