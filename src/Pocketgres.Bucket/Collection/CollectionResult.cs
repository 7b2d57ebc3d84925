namespace Pocketgres.Bucket.Collection;

/// <summary>What a collection removed, or would have.</summary>
/// <param name="Oldest">When the oldest image that stays was made, by the store's clock: moments since then can be restored.</param>
/// <param name="Images">Images removed.</param>
/// <param name="Records">Log records removed.</param>
/// <param name="Packs">Packs removed.</param>
/// <param name="Bytes">Bytes of all that was removed.</param>
/// <param name="Objects">Objects that were there before.</param>
/// <param name="StoredBytes">Their bytes.</param>
/// <param name="Branches">Branches that need objects of this cluster.</param>
/// <param name="Sparse">Packs of which the newest image reads less than half: they would go if it did not. Some of them, when there are many.</param>
internal sealed record CollectionResult(
    DateTimeOffset Oldest, int Images, int Records, int Packs, long Bytes, int Objects, long StoredBytes, int Branches,
    IReadOnlySet<string> Sparse);
