using System.Globalization;
using System.Text.Json;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Transport;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Credentials that every development store takes.</summary>
static class TestCredentials
{
    public const string AccessKey = "test", SecretKey = "secret";

    public static string? Environment(string name) => name switch
    {
        "AWS_ACCESS_KEY_ID" => AccessKey,
        "AWS_SECRET_ACCESS_KEY" => SecretKey,
        _ => null,
    };

    /// <summary>Serves a store to programs that this process starts, which inherit the credentials.</summary>
    public static S3Server Serve(IObjectStore store)
    {
        System.Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", AccessKey);
        System.Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", SecretKey);
        return S3Server.Start(store, 0);
    }
}

/// <summary>The S3 client and the development server, against what others say about the protocol.</summary>
public class S3Tests
{
    [Fact]
    public void A_signature_is_that_of_Amazons_example()
    {
        // "GET Object" in Amazon's description of Signature Version 4 in the Authorization header.
        var time = DateTimeOffset.ParseExact("20130524T000000Z", "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        string hash = SignatureV4.Hash([]);
        string authorization = SignatureV4.Authorize(
            "GET", "/test.txt", "",
            [("host", "examplebucket.s3.amazonaws.com"), ("range", "bytes=0-9"), ("x-amz-content-sha256", hash), ("x-amz-date", SignatureV4.Stamp(time))],
            hash, new S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1", time);
        Assert.EndsWith("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", authorization, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_development_server_counts_what_it_is_asked()
    {
        using var server = S3Server.Start(new MemoryObjectStore(), 0);
        using var store = new S3ObjectStore(new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse(server.Endpoint) }, TestCredentials.Environment);
        await store.PutAsync("a", new byte[1000]);
        Assert.True(await store.CreateAsync("b", new byte[10]));
        Assert.False(await store.CreateAsync("b", new byte[10])); // which costs as much
        await store.GetAsync("a", new Pocketgres.ObjectStore.ByteRange(0, 100));
        await store.GetAsync("none");
        await store.ListAsync("");
        await store.DeleteAsync("a");
        using var http = new HttpClient();
        for (int i = 0; i < 2; i++)
        {
            var counts = JsonDocument.Parse(await http.GetStringAsync(new Uri(server.Endpoint + "/-/requests"))).RootElement;
            Assert.Equal((3, 2, 1, 1, 0), (Count("put"), Count("get"), Count("list"), Count("delete"), Count("failed")));
            Assert.Equal(1020, Count("bytesIn"));
            Assert.InRange(Count("bytesOut"), 100 + 300, 100 + 2000); // a listing and two errors are text

            int Count(string name) => counts.GetProperty(name).GetInt32();
        }
    }

    [Fact]
    public async Task The_SDK_and_the_client_see_the_same_objects()
    {
        using var server = S3Server.Start(new MemoryObjectStore(), 0);
        using var ours = new S3ObjectStore(new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse(server.Endpoint) }, TestCredentials.Environment);
        using var sdk = new AmazonS3Client(
            new BasicAWSCredentials(TestCredentials.AccessKey, TestCredentials.SecretKey),
            new AmazonS3Config
            {
                ServiceURL = server.Endpoint,
                ForcePathStyle = true,
                RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
                ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            });
        await sdk.PutObjectAsync(new PutObjectRequest { BucketName = "bucket", Key = "p/sdk-1", ContentBody = "from the sdk", IfNoneMatch = "*" });
        Assert.True(await ours.CreateAsync("p/ours", "from us"u8.ToArray()));
        Assert.False(await ours.CreateAsync("p/sdk-1", default));
        var refused = await Assert.ThrowsAsync<AmazonS3Exception>(() =>
            sdk.PutObjectAsync(new PutObjectRequest { BucketName = "bucket", Key = "p/ours", ContentBody = "x", IfNoneMatch = "*" }));
        Assert.Equal(System.Net.HttpStatusCode.PreconditionFailed, refused.StatusCode);
        Assert.Equal("from the sdk"u8.ToArray(), (await ours.GetAsync("p/sdk-1"))!.Content);
        using (var found = await sdk.GetObjectAsync(new GetObjectRequest { BucketName = "bucket", Key = "p/ours", ByteRange = new Amazon.S3.Model.ByteRange(5, 6) }))
        using (var reader = new StreamReader(found.ResponseStream))
        {
            Assert.Equal("us", await reader.ReadToEndAsync());
        }

        var listed = await sdk.ListObjectsV2Async(new ListObjectsV2Request { BucketName = "bucket", Prefix = "p/" });
        Assert.Equal((await ours.ListAsync("p/")).Entries.Select(e => (e.Key, (long?)e.Size)), listed.S3Objects.Select(o => (o.Key, o.Size)));
        await sdk.DeleteObjectAsync("bucket", "p/ours");
        Assert.Null(await ours.GetAsync("p/ours"));
    }

    [Fact]
    public async Task Who_does_not_answer_is_unavailable()
    {
        int port;
        using (var server = S3Server.Start(new MemoryObjectStore(), 0))
        {
            port = server.Port;
        }

        using var store = new S3ObjectStore(new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse($"http://127.0.0.1:{port}") }, TestCredentials.Environment);
        var error = await Assert.ThrowsAsync<ObjectStoreException>(() => store.GetAsync("a"));
        Assert.True(error.IsTransient);
    }

    [Fact]
    public async Task A_success_that_is_not_the_stores_is_none()
    {
        // As a proxy answers for a server that is gone, or HttpListener when it is closed.
        using var listener = new System.Net.HttpListener();
        int port = FreePort();
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        var answering = Task.Run(async () =>
        {
            while (true)
            {
                (await listener.GetContextAsync()).Response.Close();
            }
        });
        using var store = new S3ObjectStore(new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse($"http://127.0.0.1:{port}") }, TestCredentials.Environment);
        foreach (var request in new Func<Task>[] { () => store.CreateAsync("a", new byte[1]), () => store.PutAsync("a", new byte[1]), () => store.GetAsync("a"), () => store.ListAsync("") })
        {
            var error = await Assert.ThrowsAsync<ObjectStoreException>(request);
            Assert.True(error.IsTransient);
            Assert.Contains("not that of an object store", error.Message, StringComparison.Ordinal);
        }

        listener.Close();
        await Assert.ThrowsAnyAsync<Exception>(() => answering); // it was there until now
    }

    [Fact]
    public async Task A_development_server_that_is_closed_acknowledges_nothing_that_it_did_not_do()
    {
        using var kept = new MemoryObjectStore();
        TaskCompletionSource asked = new(TaskCreationOptions.RunContinuationsAsynchronously), answer = new();
        using var slow = new WatchedStore(kept, (_, _) =>
        {
            asked.SetResult();
            return answer.Task;
        });
        using var server = S3Server.Start(slow, 0);
        using var http = new HttpClient();
        using var content = new ByteArrayContent(new byte[1]);
        var put = http.PutAsync(new Uri(server.Endpoint + "/bucket/a"), content);
        await asked.Task;
        server.Dispose();
        try
        {
            using var response = await put;
            Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, response.StatusCode);
        }
        catch (HttpRequestException)
        {
            // No answer is as good.
        }
    }

    [Fact]
    public async Task Without_credentials_it_says_what_to_set()
    {
        using var store = new S3ObjectStore(new S3Options { Bucket = "bucket", Endpoint = HttpOrigin.Parse("http://127.0.0.1:1") },
            name => name == "AWS_EC2_METADATA_DISABLED" ? "true" : null);
        var error = await Assert.ThrowsAsync<ObjectStoreException>(() => store.GetAsync("a"));
        Assert.Equal(ObjectStoreError.AccessDenied, error.Error);
        Assert.Contains("AWS_ACCESS_KEY_ID", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "NoSuchBucket", null, "there is no bucket bucket")]
    [InlineData(403, "InvalidAccessKeyId", null, "the credentials are wrong")]
    [InlineData(403, "RequestTimeTooSkewed", null, "this machine's clock is wrong")]
    [InlineData(301, "PermanentRedirect", "eu-west-1", "region=eu-west-1")]
    [InlineData(400, "AuthorizationHeaderMalformed", null, "region=NAME")]
    public async Task A_server_whose_store_refuses_says_what_to_do(int status, string code, string? region, string expected)
    {
        using var listener = new System.Net.HttpListener();
        int port = FreePort();
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        var refusing = Task.Run(async () =>
        {
            while (true)
            {
                var context = await listener.GetContextAsync();
                context.Response.StatusCode = status;
                if (region is not null)
                {
                    context.Response.Headers["x-amz-bucket-region"] = region;
                }

                context.Response.Close(System.Text.Encoding.UTF8.GetBytes($"<Error><Code>{code}</Code></Error>"), willBlock: false);
            }
        });
        var done = await CliServer.RunToEndAsync(
            new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = "k", ["AWS_SECRET_ACCESS_KEY"] = "s" },
            "serve", $"s3://bucket/cluster?endpoint=http://127.0.0.1:{port}", "--port", "0");
        Assert.Equal(1, done.ExitCode);
        Assert.Contains(expected, done.Error, StringComparison.Ordinal);
        listener.Close();
        await Assert.ThrowsAnyAsync<Exception>(() => refusing); // it was there until now
    }

    static int FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        probe.Start();
        return ((System.Net.IPEndPoint)probe.LocalEndpoint).Port;
    }

    [Theory]
    [InlineData("s3://bucket/a/b?endpoint=http://127.0.0.1:9&mode=interval&interval=500ms&puts=0&inflight=4&region=eu-west-1", null)]
    [InlineData("s3://bucket", "a prefix of its own")]
    [InlineData("s3://B/x", "no name of a bucket")]
    [InlineData("s3://bucket/a//b", "may have")]
    [InlineData("s3://bucket/../b", "may have")]
    [InlineData("s3://bucket/a?mod=strict", "unknown parameter")]
    [InlineData("s3://bucket/a?mode=fast", "strict, interval or sleep")]
    [InlineData("s3://bucket/a?interval=0s", "500ms")]
    [InlineData("s3://bucket/a?inflight=17", "1 to 16")]
    [InlineData("s3://bucket/a?endpoint=localhost", "http://HOST:PORT")]
    [InlineData("s3://bucket/a?endpoint=http://store/path", "http://HOST:PORT")]
    [InlineData("s3://bucket/a?endpoint=http%3A%2F%2Fstore%3A0", "http://HOST:PORT")]
    [InlineData("s3://bucket/a?region=", "eu-west-1")]
    [InlineData("s3://bucket/a?region=eu.example.com%2F", "eu-west-1")]
    [InlineData("s3://bucket/a?puts=1&puts=2", "twice")]
    public void A_URL_is_read_or_says_what_is_wrong(string text, string? expected)
    {
        bool isRead = BucketUrl.TryParse(text, out var url, out string? error);
        Assert.Equal(expected is null, isRead);
        if (expected is null)
        {
            Assert.Equal((LogMode.Interval, 500, 0, 4), (url!.Options.Mode, url.Options.Interval.TotalMilliseconds, url.Options.PutsPerSecond, url.Options.InFlight));
            Assert.Equal("a/b/", url.Store.Prefix);
        }
        else
        {
            Assert.Contains(expected, error, StringComparison.Ordinal);
        }
    }
}
