namespace Pocketgres.Installation.Extensions;

/// <summary>What an entry of the catalog is.</summary>
public enum ExtensionKind
{
    /// <summary>Made with CREATE EXTENSION.</summary>
    Extension,

    /// <summary>Loaded with LOAD or a preload setting only; has no SQL objects.</summary>
    Library,
}

/// <summary>Whether the library must be in shared_preload_libraries.</summary>
public enum PreloadNeed
{
    /// <summary>No.</summary>
    None,

    /// <summary>It may be, to be active in every session.</summary>
    Optional,

    /// <summary>It must be: its shared memory is made when the server starts.</summary>
    Required,
}

// Lists are empty when the file has none: the serializer's generated code sets init-only properties that are missing to null.

/// <summary>What in an application's code implies an extension, without CREATE EXTENSION.</summary>
public sealed record ExtensionTells
{
    /// <summary>Data types.</summary>
    public IReadOnlyList<string> Types { get => field ?? []; init; }

    /// <summary>Functions.</summary>
    public IReadOnlyList<string> Functions { get => field ?? []; init; }

    /// <summary>Operator classes.</summary>
    public IReadOnlyList<string> OperatorClasses { get => field ?? []; init; }

    /// <summary>Words of code and SQL, taken literally: an ORM's field types, a phrase like USING bloom.</summary>
    public IReadOnlyList<string> Code { get => field ?? []; init; }
}

/// <summary>An entry of the catalog.</summary>
public sealed record ExtensionInfo
{
    /// <summary>The name in CREATE EXTENSION, or the library's.</summary>
    public required string Name { get; init; }

    /// <summary>What it is.</summary>
    public required ExtensionKind Kind { get; init; }

    /// <summary>The default version; null for a library or one that is not shipped.</summary>
    public string? Version { get; init; }

    /// <summary>What it is for, in one line.</summary>
    public required string Comment { get; init; }

    /// <summary>Shared libraries, without <c>.so</c>.</summary>
    public IReadOnlyList<string> Libraries { get => field ?? []; init; }

    /// <summary>Extensions that must exist first.</summary>
    public IReadOnlyList<string> Requires { get => field ?? []; init; }

    /// <summary>Whether users who may create objects in the database may create it.</summary>
    public bool Trusted { get; init; }

    /// <summary>Whether it must be preloaded.</summary>
    public PreloadNeed Preload { get; init; }

    /// <summary>Whether it is available.</summary>
    public required bool Enabled { get; init; }

    /// <summary>Why it is not available.</summary>
    public string? Reason { get; init; }

    /// <summary>What implies it.</summary>
    public ExtensionTells Tells { get => field ?? new(); init; }
}
