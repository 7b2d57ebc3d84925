using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>A server with a Unix socket, for programs that are not ours.</summary>
public sealed class ClientsFixture : ServerFixture
{
    readonly TemporaryDirectory _sockets = new();

    private protected override ServerOptions Options => base.Options with { UnixSocketDirectory = _sockets.Path };

    public override async Task DisposeAsync()
    {
        using (_sockets)
        {
            await base.DisposeAsync();
        }
    }
}

/// <summary>The collection of the client programs' tests: one server, one test after the other.</summary>
[CollectionDefinition(Name)]
public sealed class ClientsServer : ICollectionFixture<ClientsFixture>
{
    public const string Name = "Client programs";
}
