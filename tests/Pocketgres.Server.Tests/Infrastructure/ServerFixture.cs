namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>One server for the tests of a class or collection.</summary>
public class ServerFixture : IAsyncLifetime
{
    TestServer? _server;

    internal TestServer Server => _server ?? throw new InvalidOperationException("the server did not start");

    private protected virtual ServerOptions Options => new()
    {
        Settings = new Dictionary<string, string>
        {
            ["max_prepared_transactions"] = "16",
            ["deadlock_timeout"] = "200ms",
            ["log_min_messages"] = "notice",
        },
    };

    public virtual async Task InitializeAsync() => _server = await TestServer.StartAsync(Options);

    /// <summary>Whatever the tests did to it, the server stops cleanly and has logged no disaster. (`./test` counts a failure here.)</summary>
    public virtual async Task DisposeAsync()
    {
        if (_server is null)
        {
            return;
        }

        await using (_server)
        {
            Assert.Equal(0, await _server.StopAsync());
            Assert.Empty(_server.Log.Matching(TestServer.DisasterPattern));
        }
    }
}

/// <summary>The collection of all classes that share the ordinary in-memory server; its tests run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServer : ICollectionFixture<ServerFixture>
{
    public const string Name = "Shared server";
}
