using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>The server under test and native PostgreSQL 18, both with logical decoding.</summary>
public sealed class ReplicationFixture : ServerFixture
{
    TestServer? _native;

    internal TestServer Native => _native ?? throw new InvalidOperationException("the native server did not start");

    private protected override ServerOptions Options { get; } = new()
    {
        Settings = new Dictionary<string, string>
        {
            ["wal_level"] = "logical",
            ["max_prepared_transactions"] = "16",
            ["max_replication_slots"] = "20",
            ["max_wal_senders"] = "20",
            // Times of commits are compared by kind only; nothing else may write transactions that one server has and the other has not.
            ["autovacuum"] = "off",
        },
    };

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _native = await NativeServer.StartAsync(Options);
    }

    public override async Task DisposeAsync()
    {
        if (_native is not null)
        {
            await _native.DisposeAsync();
        }

        await base.DisposeAsync();
    }
}
