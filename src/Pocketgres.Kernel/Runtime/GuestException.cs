namespace Pocketgres.Kernel;

/// <summary>
/// Carries an exception of a translated language (C++) up the .NET stack to the nearest guarded function: thrown by the host's <c>__cxa_throw</c>
/// when there is one, see <see cref="Process.GuardedException"/>. Nothing else catches it. It is control flow, not an error.
/// </summary>
public sealed class GuestException : Exception
{
    /// <summary>Creates the exception.</summary>
    public GuestException()
        : base("exception of translated code outside of any guarded function")
    {
    }

    /// <inheritdoc cref="GuestException()"/>
    public GuestException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="GuestException()"/>
    public GuestException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
