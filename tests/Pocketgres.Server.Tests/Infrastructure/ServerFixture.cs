namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>One server for the tests of a class or collection.</summary>
public class ServerFixture : IAsyncLifetime
{
    internal TestServer Server { get; private set; } = null!;

    private protected virtual ServerOptions Options => new()
    {
        Settings = new Dictionary<string, string>
        {
            ["max_prepared_transactions"] = "16",
            ["deadlock_timeout"] = "200ms",
            ["log_min_messages"] = "notice",
        },
    };

    public virtual async Task InitializeAsync() => Server = await TestServer.StartAsync(Options);

    public virtual async Task DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>The collection of all classes that share the ordinary in-memory server; its tests run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class SharedServer : ICollectionFixture<ServerFixture>
{
    public const string Name = "Shared server";
}
