namespace Pocketgres.Http.Admin;

/// <summary>A page, ready to be written.</summary>
public sealed record AdminPage
{
    /// <summary>Its address.</summary>
    public required string Path { get; init; }

    /// <summary>Its title.</summary>
    public required string Title { get; init; }

    /// <summary>Whether it may change something.</summary>
    public bool IsAdmin { get; init; }

    /// <summary>What a form that changes something must contain.</summary>
    public string FormToken { get; init; } = "";

    /// <summary>Whether it is to be read again all the time.</summary>
    public bool Refreshes { get; init; }

    /// <summary>What has just happened, or what is wrong with the server; null for nothing.</summary>
    public string? Notice { get; init; }

    /// <summary>The databases to choose from, and the chosen one; empty when the page is about all of them.</summary>
    public IReadOnlyList<string> Databases { get; init; } = [];

    /// <inheritdoc cref="Databases"/>
    public string Database { get; init; } = "";

    /// <summary>What is looked for, or the SQL that was run.</summary>
    public string Text { get; init; } = "";

    /// <summary>Tables, with their headings.</summary>
    public IReadOnlyList<(string Heading, QueryResult Result)> Sections { get; init; } = [];

    /// <summary>Sessions, on their page.</summary>
    public IReadOnlyList<SessionRow>? Sessions { get; init; }

    /// <summary>The log, on its page.</summary>
    public IReadOnlyList<LogTailLine>? Log { get; init; }
}
