namespace Pocketgres.Kernel;

/// <summary>Translated code called an imported function that no module and no host function supplies.</summary>
public sealed class UnresolvedImportException : Exception
{
    /// <summary>Creates the exception without an import's name.</summary>
    public UnresolvedImportException()
        : this("(unknown)")
    {
    }

    /// <summary>Creates the exception for the import with this name.</summary>
    public UnresolvedImportException(string importName)
        : base($"call of the unresolved import \"{importName}\"") => ImportName = importName;

    /// <inheritdoc cref="UnresolvedImportException(string)"/>
    public UnresolvedImportException(string importName, Exception innerException)
        : base($"call of the unresolved import \"{importName}\"", innerException) => ImportName = importName;

    /// <summary>The import's name.</summary>
    public string ImportName { get; }
}
