namespace Pocketgres.Bucket;

/// <summary>A cluster in a bucket cannot be opened or used; the message is one line that says what is wrong and what to do.</summary>
public sealed class BucketException : Exception
{
    /// <summary>Creates the exception.</summary>
    public BucketException(BucketError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>The kind of problem.</summary>
    public BucketError Error { get; }
}

/// <summary>Kinds of problems with a cluster in a bucket.</summary>
public enum BucketError
{
    /// <summary>The store cannot be reached, refuses, or is not fit for a cluster.</summary>
    Store,

    /// <summary>Another process has the cluster open.</summary>
    InUse,

    /// <summary>An object is missing, damaged or of a newer version.</summary>
    Damaged,

    /// <summary>There is no cluster, and none is to be made.</summary>
    Missing,

    /// <summary>Another process has taken the cluster over; this one may write nothing more.</summary>
    Fenced,
}
