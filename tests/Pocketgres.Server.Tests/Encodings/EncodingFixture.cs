using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Encodings;

/// <summary>The server under test and native PostgreSQL 18, which says what is right.</summary>
public sealed class EncodingFixture : ServerFixture
{
    TestServer? _native;

    internal TestServer Native => _native ?? throw new InvalidOperationException("the native server did not start");

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _native = await NativeServer.StartAsync(new ServerOptions { Settings = new Dictionary<string, string> { ["fsync"] = "off" } });
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
