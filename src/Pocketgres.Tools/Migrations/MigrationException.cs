namespace Pocketgres.Migrations;

/// <summary>A folder of migrations cannot be applied. The message is one line that says where, why, and what to do.</summary>
public sealed class MigrationException : Exception
{
    /// <summary>Creates the exception.</summary>
    public MigrationException(MigrationError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>The kind of problem.</summary>
    public MigrationError Error { get; }
}

/// <summary>Kinds of problems with migrations.</summary>
public enum MigrationError
{
    /// <summary>No folder of a known tool, or one that holds programs instead of SQL.</summary>
    NotRecognized,

    /// <summary>A file cannot be read or split into statements.</summary>
    BadFile,

    /// <summary>A file that was applied has changed since.</summary>
    Changed,

    /// <summary>The database's own record contradicts the folder.</summary>
    History,

    /// <summary>An extension is needed that the server does not have.</summary>
    ExtensionMissing,

    /// <summary>A statement failed; its migration left nothing, or, where it cannot be one transaction, goes on behind the last statement that was done.</summary>
    StatementFailed,
}
