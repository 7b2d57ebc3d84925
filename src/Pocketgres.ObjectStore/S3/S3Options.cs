using Pocketgres.ObjectStore.Transport;

namespace Pocketgres.ObjectStore.S3;

/// <summary>Where a bucket is.</summary>
internal sealed record S3Options
{
    /// <summary>The bucket.</summary>
    public required string Bucket { get; init; }

    /// <summary>Scheme, host and port of a store other than Amazon's; the bucket is then the first part of the path.</summary>
    public HttpOrigin? Endpoint { get; init; }

    /// <summary>The region, which is a part of each signature.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>How long one request may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);
}
