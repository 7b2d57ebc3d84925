namespace Pocketgres.ObjectStore;

/// <summary>An object store refused or did not answer; the message is one line that says what is wrong and what to do.</summary>
internal sealed class ObjectStoreException(ObjectStoreError error, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The kind of problem.</summary>
    public ObjectStoreError Error => error;

    /// <summary>Whether the same request may succeed later. It may also have been executed.</summary>
    public bool IsTransient => error is ObjectStoreError.Unavailable;
}

/// <summary>Kinds of problems with an object store.</summary>
internal enum ObjectStoreError
{
    /// <summary>No answer, or one that says to try again: whether the request was executed is unknown.</summary>
    Unavailable,

    /// <summary>There is no such bucket.</summary>
    NoBucket,

    /// <summary>Credentials are missing, wrong, or allow too little.</summary>
    AccessDenied,

    /// <summary>The bucket is elsewhere.</summary>
    WrongRegion,

    /// <summary>The store does not do what was asked for, or answered what makes no sense.</summary>
    Unsupported,
}
