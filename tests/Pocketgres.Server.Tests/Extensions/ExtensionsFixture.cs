using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>A server under test and native PostgreSQL 18 beside it, to give the expected results.</summary>
public sealed class ExtensionsFixture : ServerFixture
{
    TestServer? _reference;

    internal TestServer Reference => _reference ?? throw new InvalidOperationException("native PostgreSQL did not start");

    private protected override ServerOptions Options => new()
    {
        Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = "pg_stat_statements,pgaudit,set_user" },
    };

    // The reference has contrib only.
    static ServerOptions ReferenceOptions => new()
    {
        Settings = new Dictionary<string, string> { ["shared_preload_libraries"] = "pg_stat_statements" },
    };

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _reference = await NativeServer.StartAsync(ReferenceOptions);
    }

    public override async Task DisposeAsync()
    {
        if (_reference is not null)
        {
            await _reference.DisposeAsync();
        }

        await base.DisposeAsync();
    }
}

/// <summary>The collection of the tests that compare extensions with native PostgreSQL.</summary>
[CollectionDefinition(Name)]
public sealed class ExtensionsServer : ICollectionFixture<ExtensionsFixture>
{
    public const string Name = "Extensions";
}
