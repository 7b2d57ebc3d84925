using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <summary>A page that is only here, when the files were frozen.</summary>
/// <param name="Node">Its file.</param>
/// <param name="Page">Its number there.</param>
/// <param name="Slot">Where it lies.</param>
internal readonly record struct DirtyPage(BucketNode Node, int Page, int Slot);

/// <summary>A page that is in the bucket, in a pack that is to be given up.</summary>
/// <param name="Node">Its file.</param>
/// <param name="Page">Its number there.</param>
/// <param name="Frame">Its frame.</param>
/// <param name="Skip">Its number in the frame.</param>
internal readonly record struct MovedPage(BucketNode Node, int Page, PageFrame Frame, int Skip);

/// <summary>What a file system was at a moment. Its dirty pages stay as they are until <see cref="BucketFileSystem.Thaw"/>.</summary>
/// <param name="Sequence">The last log record that it contains.</param>
/// <param name="NextFileId">First number that no file has.</param>
/// <param name="Entries">Files, directories before what is in them; their runs without the dirty and the moved pages.</param>
/// <param name="Dirty">Pages that are not in the bucket, in the order of files and numbers.</param>
/// <param name="Moved">Pages that are to be written once more, in the same order.</param>
internal sealed record FrozenImage(
    long Sequence, long NextFileId, IReadOnlyList<ImageEntry> Entries, IReadOnlyList<DirtyPage> Dirty, IReadOnlyList<MovedPage> Moved);
