using Pocketgres.Bucket.Formats;

namespace Pocketgres.Bucket.Files;

/// <content>The files of a replica.</content>
internal sealed partial class BucketFileSystem
{
    // What pg_promote and pg_ctl promote make.
    private const string PromotionSignal = "/promote";

    /// <summary>
    /// Whether a standby runs on the files, which others write to meanwhile. It cannot be promoted: what it wrote then would be nowhere but here.
    /// </summary>
    public bool IsStandby { get; set; }

    /// <summary>Brings everything here that is only in the bucket, a frame at a time.</summary>
    public async Task BringAllAsync(CancellationToken cancellationToken)
    {
        List<BucketNode> nodes;
        lock (_lock)
        {
            nodes = [.. _byId.Values];
        }

        foreach (var node in nodes)
        {
            for (int page = 0; FindAbsent(node, ref page) is { } frame; page++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await BringAsync(node, frame, page, mayGiveUp: true).ConfigureAwait(false);
            }
        }
    }

    // The next page that is not here, from one on.
    private PageFrame? FindAbsent(BucketNode node, ref int page)
    {
        lock (_lock)
        {
            for (; page < node.Count; page++)
            {
                if (node[page].IsAbsent)
                {
                    return node[page].Frame;
                }
            }

            return null;
        }
    }
}
