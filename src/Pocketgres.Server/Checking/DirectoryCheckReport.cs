using Pocketgres.Engine;

namespace Pocketgres.Server.Checking;

/// <summary>How to check a data directory.</summary>
public sealed record DirectoryCheckOptions
{
    /// <summary>Whether to look into tables and indexes too (amcheck), with a server that runs on the directory without changing it.</summary>
    public bool Rows { get; init; } = true;

    /// <summary>Whether to check B-trees from page to page as well and to search each entry from the root: slower, finds more.</summary>
    public bool Parents { get; init; }

    /// <summary>Told of each problem as soon as it is certain, with the line that will be in the report.</summary>
    public Action<string>? Found { get; init; }

    /// <summary>Told of each thing that is about to be checked: damage that ends the whole process can only be told from the last of them.</summary>
    public Action<string>? Checking { get; init; }
}

/// <summary>What a check of a data directory found.</summary>
/// <param name="Verdict">The judgement.</param>
/// <param name="Files">Control file, relation maps and pages; after recovery when <paramref name="Recovered"/>.</param>
/// <param name="Recovered">Whether the directory needed recovery, which was made in memory: what was checked is what the next start will make of it.</param>
/// <param name="Rows">Tables and indexes; null when they were not asked for.</param>
public sealed record DirectoryCheckReport(CheckVerdict Verdict, CheckReport Files, bool Recovered, RowCheckReport? Rows)
{
    /// <summary>Begins lines about what is no damage but worth knowing.</summary>
    public const string Note = "note: ";
}

/// <summary>What amcheck found.</summary>
/// <param name="Databases">Databases whose tables and indexes were checked.</param>
/// <param name="Tables">Tables, their TOAST tables, materialized views and sequences.</param>
/// <param name="Indexes">Indexes (B-tree, GIN).</param>
/// <param name="DamageCount">How much damage was found.</param>
/// <param name="Damage">The first hundred, a line each.</param>
/// <param name="Unchecked">Why something could not be checked, a line each; empty when everything was.</param>
public sealed record RowCheckReport(
    int Databases, int Tables, int Indexes, long DamageCount, IReadOnlyList<string> Damage, IReadOnlyList<string> Unchecked);
