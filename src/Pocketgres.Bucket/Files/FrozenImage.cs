using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <summary>A page that is only here, when the files were frozen.</summary>
/// <param name="Node">Its file.</param>
/// <param name="Page">Its number there.</param>
/// <param name="Slot">Where it lies.</param>
internal readonly record struct DirtyPage(BucketNode Node, int Page, int Slot);

/// <summary>What a file system was at a moment. Its dirty pages stay as they are until <see cref="BucketFileSystem.Thaw"/>.</summary>
/// <param name="Sequence">The last log record that it contains.</param>
/// <param name="NextFileId">First number that no file has.</param>
/// <param name="Entries">Files, directories before what is in them; their runs without the dirty pages.</param>
/// <param name="Dirty">Pages that are not in the bucket, in the order of files and numbers.</param>
internal sealed record FrozenImage(long Sequence, long NextFileId, IReadOnlyList<ImageEntry> Entries, IReadOnlyList<DirtyPage> Dirty);
