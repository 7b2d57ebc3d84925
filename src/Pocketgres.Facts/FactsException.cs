namespace Pocketgres.Facts;

/// <summary>A module whose debugging information cannot be read: the message is one line that says what is wrong and what to do.</summary>
internal sealed class FactsException : Exception
{
    public FactsException()
    {
    }

    public FactsException(string message)
        : base(message)
    {
    }

    public FactsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
