using Azure.Storage.Blobs;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.AzureBlob;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Azure Blob Storage: URLs, credentials and what is said when something is wrong.</summary>
public class AzureTests
{
    [Fact]
    public async Task Azures_own_client_sees_the_same_objects()
    {
        string name = Azurite.NewContainer();
        using var ours = Azurite.Open(name);
        BlobContainerClient theirs = Azurite.Container(name);
        Assert.True(await ours.CreateAsync("p/ours", "from us"u8.ToArray()));
        await theirs.UploadBlobAsync("p/theirs", BinaryData.FromString("from them"));
        Assert.False(await ours.CreateAsync("p/theirs", default));
        Assert.Equal("from them"u8.ToArray(), (await ours.GetAsync("p/theirs"))!.Content);
        Assert.Equal("from us", (await theirs.GetBlobClient("p/ours").DownloadContentAsync()).Value.Content.ToString());
        Assert.Equal(theirs.GetBlobs(cancellationToken: default).Select(b => (b.Name, b.Properties.ContentLength)),
            (await ours.ListAsync("")).Entries.Select(e => (e.Key, (long?)e.Size)));
    }

    [Theory]
    [InlineData("az://container/a/b?account=name", null)]
    [InlineData("az://container/a?endpoint=http://127.0.0.1:10000/devstoreaccount1", null)]
    [InlineData("az://con.tainer/a", "no name of a container")]
    [InlineData("az://container", "az://container/NAME")]
    [InlineData("az://container/a?region=eu", "unknown parameter \"region\"")]
    [InlineData("s3://bucket/a?account=name", "unknown parameter \"account\"")]
    [InlineData("az://container/a?account=a.blob.core.windows.net", "name of a storage account")]
    [InlineData("az://container/a?endpoint=http://127.0.0.1:10000/a/b", "http://HOST:PORT/ACCOUNT")]
    public void A_URL_is_read_or_says_what_is_wrong(string text, string? expected)
    {
        Assert.Equal(expected is null, BucketUrl.TryParse(text, out var url, out string? error));
        Assert.Contains(expected ?? "", error ?? "", StringComparison.Ordinal);
        Assert.Equal(expected is null ? "az" : null, url?.Store.Scheme);
    }

    [Theory]
    [InlineData("https://name.blob.core.windows.net/", "name", null)]
    [InlineData("https://other.blob.core.windows.net/", null, null, "AZURE_STORAGE_ACCOUNT=other")]
    [InlineData("https://a.blob.core.usgovcloudapi.net/", null, null, "AZURE_STORAGE_CONNECTION_STRING=AccountName=a;AccountKey=a2V5;EndpointSuffix=core.usgovcloudapi.net")]
    [InlineData("http://127.0.0.1:10000/devstoreaccount1", null, null, "AZURE_STORAGE_CONNECTION_STRING=UseDevelopmentStorage=true")]
    [InlineData("http://127.0.0.1:1/acc", null, "http://127.0.0.1:1/acc", "AZURE_STORAGE_ACCOUNT=other")]
    public void The_account_is_found_where_Azures_tools_look(string expected, string? account, string? endpoint, string? variable = null)
    {
        string[] set = variable?.Split('=', 2) ?? ["", ""];
        var found = AzureAccount.Find(account, endpoint is null ? null : new Uri(endpoint), name => name == set[0] ? set[1] : null);
        Assert.Equal(new Uri(expected), found.Endpoint);
    }

    [Fact]
    public async Task What_is_wrong_is_said_in_one_line()
    {
        string name = Azurite.NewContainer();
        string elsewhere = Azurite.Endpoint.Replace(Azurite.Account, "another", StringComparison.Ordinal);
        foreach (var (container, endpoint, variables, error, text) in ((string, string, Dictionary<string, string>, ObjectStoreError, string)[])
        [
            ("absent", Azurite.Endpoint, new(Azurite.Variables), ObjectStoreError.NoBucket, "there is no container absent"),
            (name, Azurite.Endpoint, new() { ["AZURE_STORAGE_KEY"] = "d3Jvbmc=" }, ObjectStoreError.AccessDenied, "the credentials are wrong"),
            (name, Azurite.Endpoint, new() { ["AZURE_STORAGE_KEY"] = "no base64!" }, ObjectStoreError.AccessDenied, "not in base64"),
            (name, elsewhere, new(Azurite.Variables), ObjectStoreError.NoBucket, "/another: create it first"),
            (name, Azurite.Endpoint, [], ObjectStoreError.AccessDenied, "AZURE_STORAGE_KEY"),
            (name, "http://127.0.0.1:1/a", new(Azurite.Variables), ObjectStoreError.Unavailable, "http://127.0.0.1:1 does not answer"),
            (name, "https://name.invalid", new(Azurite.Variables), ObjectStoreError.Unavailable, "is there a storage account of that name?"),
        ])
        {
            using var store = new AzureObjectStore(container, null, new Uri(endpoint), variables.GetValueOrDefault);
            // A read is told of the container by Azure, and by Azurite that there is no such blob.
            foreach (var ask in (Func<Task>[])[() => store.CreateAsync("k", default), () => store.ListAsync(""), .. error == ObjectStoreError.NoBucket ? [] : (Func<Task>[])[() => store.GetAsync("k")]])
            {
                var refused = await Assert.ThrowsAsync<ObjectStoreException>(ask);
                Assert.True(refused.Error == error, refused.Message);
                Assert.Contains(text, refused.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', refused.Message);
            }
        }
    }

    [Fact]
    public async Task A_command_ends_with_the_exit_code_that_it_has_for_S3()
    {
        string url = $"az://{Azurite.NewContainer()}/cluster?endpoint={Azurite.Endpoint}";
        foreach (var (arguments, variables, code, text) in ((string[], IReadOnlyDictionary<string, string>, int, string)[])
        [
            (["probe", url], Azurite.Variables, 0, "can hold a cluster"),
            (["probe", url], new Dictionary<string, string> { ["AZURE_STORAGE_KEY"] = "d3Jvbmc=" }, 1, "the credentials are wrong"),
            (["serve", $"az://absent/cluster?endpoint={Azurite.Endpoint}", "--port", "0"], Azurite.Variables, 1, "there is no container absent"),
            (["status", url], Azurite.Variables, 4, "there is no cluster"),
            (["check", url], Azurite.Variables, 4, "there is no cluster"),
            (["branch", url, $"az://other/cluster?endpoint={Azurite.Endpoint}"], Azurite.Variables, 2, "another bucket"),
            (["gc", "az://container"], Azurite.Variables, 2, "a prefix of its own"),
        ])
        {
            var done = await CliServer.RunToEndAsync(variables, arguments);
            Assert.True(code == done.ExitCode, done.Error);
            Assert.Contains(text, done.Error + done.Output, StringComparison.Ordinal);
        }
    }
}
