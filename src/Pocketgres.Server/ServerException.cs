namespace Pocketgres.Server;

/// <summary>The cluster runs, but what was asked beyond that failed; the message is one line that says what is wrong and what to do.</summary>
public sealed class ServerException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ServerException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
