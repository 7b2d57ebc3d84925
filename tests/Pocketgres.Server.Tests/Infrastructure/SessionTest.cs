namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>A test with sessions on a shared server: each test has a schema of its own, first in its sessions' search path.</summary>
public abstract class SessionTest(ServerFixture fixture) : IAsyncLifetime
{
    readonly List<NpgsqlConnection> _sessions = [];

    private protected TestServer Server => fixture.Server;

    protected string Schema { get; } = $"t{Guid.NewGuid():N}";

    /// <summary>A session that looks at the others.</summary>
    protected NpgsqlConnection Observer { get; private set; } = null!;

    public virtual async Task InitializeAsync()
    {
        Observer = await Server.OpenAsync();
        await Observer.ExecuteAsync($"create schema {Schema}; set search_path = {Schema}, public");
    }

    public virtual async Task DisposeAsync()
    {
        foreach (NpgsqlConnection session in _sessions)
        {
            await session.DisposeAsync();
        }

        // A session that a failed test left in a transaction holds its locks until its backend has seen the end of the connection.
        await Observer.ExecuteAsync($"set client_min_messages = warning; set lock_timeout = '30s'; drop schema {Schema} cascade");
        await Observer.DisposeAsync();
    }

    /// <summary>A new session, ended with the test.</summary>
    protected async Task<NpgsqlConnection> OpenAsync(string? applicationName = null)
    {
        NpgsqlConnection session = await Server.OpenAsync();
        _sessions.Add(session);
        await session.ExecuteAsync($"set search_path = {Schema}, public");
        if (applicationName is not null)
        {
            await session.ExecuteAsync("select set_config('application_name', $1, false)", applicationName);
        }

        return session;
    }
}
