using Pocketgres.ObjectStore;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Real servers that take a create for a put: no cluster is made there.</summary>
public class OverwritingServerTests
{
    [Theory, InlineData("fauxqs"), InlineData("s3rver")]
    public async Task They_are_refused(string kind)
    {
        using var server = await OverwritingServer.StartAsync(kind);
        using var store = server.Open();
        Assert.True(await store.CreateAsync("a", new byte[] { 1 }));
        Assert.True(await store.CreateAsync("a", new byte[] { 2 })); // or else this test is of no use
        Assert.Equal([2], (await store.GetAsync("a"))!.Content);

        var error = await Assert.ThrowsAsync<ObjectStoreException>(() => StoreProbe.RunAsync(store, ""));
        Assert.Equal(ObjectStoreError.Unsupported, error.Error);
        AssertSays(error.Message);

        string url = $"s3://{OverwritingServer.Bucket}/main?endpoint={server.Endpoint}";
        foreach (string[] arguments in (string[][])[["serve", url, "--port", "0"], ["probe", url]])
        {
            var refused = await CliServer.RunToEndAsync(OverwritingServer.Variables, arguments);
            Assert.True(refused.ExitCode == 1, $"{arguments[0]}: exit code {refused.ExitCode}: {refused.Error}");
            AssertSays(refused.Error);
            Assert.Single(refused.Error.Trim().Split('\n'));
        }

        Assert.Equal(["a"], (await store.ListAsync("")).Entries.Select(e => e.Key));
    }

    static void AssertSays(string message) => Assert.Matches(
        "overwrites an object although it was asked to create it only if there is none .*: a cluster there would lose commits; use a store with conditional writes", message);
}
