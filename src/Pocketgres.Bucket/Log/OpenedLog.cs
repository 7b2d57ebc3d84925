using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Log;

/// <summary>A cluster's log, once its opener has it for itself.</summary>
/// <param name="Cluster">Which cluster.</param>
/// <param name="Manifest">The newest image; null for a cluster that has none yet.</param>
/// <param name="Tail">The records behind it that count, in order, fences and fillers left out.</param>
/// <param name="Token">The opener's token: the sequence of its fence.</param>
/// <param name="NextSequence">The first number that the opener may write.</param>
/// <param name="OriginTail">Of a branch without an image of its own: what it has of its origin's log, before its own records.</param>
internal sealed record OpenedLog(
    Guid Cluster, Manifest? Manifest, IReadOnlyList<LogRecord> Tail, long Token, long NextSequence, IReadOnlyList<LogRecord> OriginTail);
