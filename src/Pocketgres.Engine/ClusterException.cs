namespace Pocketgres.Engine;

/// <summary>Why a cluster could not start or stopped; the message is one line that says what is wrong and what to do.</summary>
public sealed class ClusterException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ClusterException(ClusterError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>The kind of problem.</summary>
    public ClusterError Error { get; }
}

/// <summary>Kinds of problems with a cluster.</summary>
public enum ClusterError
{
    /// <summary>The server ended during start; its last log messages are in the exception's message.</summary>
    StartFailed,

    /// <summary>The port is taken.</summary>
    PortInUse,

    /// <summary>The address cannot be listened on.</summary>
    AddressUnavailable,

    /// <summary>The data directory cannot be read, written or created.</summary>
    DirectoryNotAccessible,

    /// <summary>The directory holds something that is not a data directory.</summary>
    ForeignDirectory,

    /// <summary>The data directory is of another PostgreSQL major version.</summary>
    WrongVersion,

    /// <summary>Another process (or another cluster of this one) has the directory open.</summary>
    DirectoryInUse,
}
