using System.Globalization;
using Amazon.Runtime;
using Amazon.S3;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Transport;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Ceph's radosgw where eng/radosgw.sh has started one, and says so in the environment.</summary>
static class Radosgw
{
    static int s_buckets;

    /// <summary>Its address; null when there is none.</summary>
    public static string? Endpoint { get; } = Environment.GetEnvironmentVariable("POCKETGRES_RADOSGW");

    /// <summary>Makes an empty bucket.</summary>
    public static async Task<string> NewBucketAsync()
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"bucket-{Interlocked.Increment(ref s_buckets)}");
        using var sdk = new AmazonS3Client(
            new BasicAWSCredentials(Environment.GetEnvironmentVariable("AWS_ACCESS_KEY_ID"), Environment.GetEnvironmentVariable("AWS_SECRET_ACCESS_KEY")),
            new AmazonS3Config { ServiceURL = Endpoint, ForcePathStyle = true });
        await sdk.PutBucketAsync(name);
        return name;
    }

    /// <summary>The store that is tested.</summary>
    public static S3ObjectStore Open(string bucket) => new(new S3Options { Bucket = bucket, Endpoint = HttpOrigin.Parse(Endpoint!) }, Environment.GetEnvironmentVariable);
}

/// <summary>A test against radosgw: skipped where none runs.</summary>
[AttributeUsage(AttributeTargets.Method)]
sealed class RadosgwFactAttribute : FactAttribute
{
    public RadosgwFactAttribute()
    {
        if (Radosgw.Endpoint is null)
        {
            Skip = "no radosgw runs: eng/radosgw.sh runs one and these tests";
        }
    }
}
