namespace Pocketgres;

/// <summary>Something about an instance, not about SQL, went wrong. The message is one line that says what is wrong and what to do.</summary>
public sealed class PocketgresException : Exception
{
    /// <summary>Creates the exception.</summary>
    public PocketgresException(PocketgresError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>The kind of problem.</summary>
    public PocketgresError Error { get; }
}

/// <summary>Kinds of problems.</summary>
public enum PocketgresError
{
    /// <summary>The URL or an option makes no sense.</summary>
    InvalidOption,

    /// <summary>The engine's files are not beside the application.</summary>
    EngineMissing,

    /// <summary>The server could not start.</summary>
    StartFailed,

    /// <summary>The port is taken, or the address cannot be used.</summary>
    AddressUnavailable,

    /// <summary>The directory cannot be used: no permission, somebody else's files, another version.</summary>
    DirectoryUnusable,

    /// <summary>Another instance, in this process or another, has the directory open.</summary>
    DirectoryInUse,

    /// <summary>The server of a <c>postgres:</c> URL does not answer, or refuses.</summary>
    ServerUnavailable,

    /// <summary>A snapshot, clone or copy could not be made.</summary>
    CopyFailed,

    /// <summary>A template for tests could not be filled; the inner exception says why.</summary>
    TemplateFailed,

    /// <summary>Not possible with this kind of instance.</summary>
    NotSupported,
}
