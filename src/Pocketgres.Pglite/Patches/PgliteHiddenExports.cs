namespace Pocketgres.Pglite.Patches;

/// <summary>
/// Functions that <c>pglite.wasm</c> contains but does not export, although libraries beside it import them: bound by index, and pinned by
/// <see cref="PgliteFingerprints"/>.
/// </summary>
internal static class PgliteHiddenExports
{
    /// <summary>C name to function index.</summary>
    public static IReadOnlyDictionary<string, int> ByName { get; } = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["GetRelationPublications"] = PgliteFunctions.GetRelationPublications,
        ["GetSchemaPublications"] = PgliteFunctions.GetSchemaPublications,
    };
}
