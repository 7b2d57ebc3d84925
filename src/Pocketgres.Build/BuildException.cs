namespace Pocketgres.Build;

/// <summary>The build cannot go on for a reason its user can act on: the message is one line that says what is wrong and what to do.</summary>
internal sealed class BuildException : Exception
{
    public BuildException()
    {
    }

    public BuildException(string message)
        : base(message)
    {
    }

    public BuildException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
