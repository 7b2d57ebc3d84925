using System.Globalization;
using Npgsql;

namespace Pocketgres.Server.Observing;

/// <summary>
/// Whether an ordinary client that connects now is answered, found out by connecting. However many ask, there is one connection at a time. Thread-safe.
/// </summary>
public sealed class ReadinessProbe
{
    // The next segment of the write-ahead log has 16 MiB; without room for it the server stops (PANIC).
    private const long MinimumFreeBytes = 16 << 20;

    // Postgres counts free slots after the one that connects, and keeps these for superusers and pg_use_reserved_connections.
    private const string SlotsQuery = """
        SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - current_setting('reserved_connections')::int
            - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid())
        """;

    private readonly PostgresServer _server;
    private readonly Func<long> _freeBytes;
    private readonly SharedRun<string?> _run;

    /// <summary>Makes one for a server.</summary>
    public ReadinessProbe(PostgresServer server)
        : this(server, () => FreeBytes(server))
    {
    }

    /// <summary>For tests: says how many bytes the disk has.</summary>
    internal ReadinessProbe(PostgresServer server, Func<long> freeBytes)
    {
        ArgumentNullException.ThrowIfNull(server);
        (_server, _freeBytes) = (server, freeBytes);
        _run = new SharedRun<string?>(ProbeAsync);
    }

    /// <summary>Null when a client is answered, else why not, in a line.</summary>
    public Task<string?> WhyNotAsync(CancellationToken cancellationToken = default) => _run.RunAsync(cancellationToken);

    private async Task<string?> ProbeAsync()
    {
        try
        {
            string? why = IsStopping ? "stopping" : await ConnectAsync().ConfigureAwait(false) ?? DiskProblem();
            return IsStopping ? "stopping" : why;
        }
        catch (PostgresException e)
        {
            // It lets nobody in without a password, which was not given to us: it has answered.
            return e.SqlState.StartsWith(PostgresErrorCodes.InvalidAuthorizationSpecification[..2], StringComparison.Ordinal) ? DiskProblem() : $"{e.MessageText} ({e.SqlState})";
        }
        catch (NpgsqlException e) when (e.InnerException is null)
        {
            return DiskProblem(); // Npgsql itself has no answer to what the server asks for: a password
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return "no answer";
        }
    }

    private bool IsStopping => _server.StopRequested || _server.Completion.IsCompleted;

    private async Task<string?> ConnectAsync()
    {
        var connection = await ObserverConnection.OpenAsync(_server, "pocketgres readiness", _server.Database).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            using var command = new NpgsqlCommand(SlotsQuery, connection.Session) { AllResultTypesAreUnknown = true };
            string left = (string)(await command.ExecuteScalarAsync().ConfigureAwait(false))!;
            return long.Parse(left, CultureInfo.InvariantCulture) > 0 ? null : "max_connections is used up: only superusers can connect (53300)";
        }
    }

    private string? DiskProblem()
    {
        long free = _freeBytes();
        return free >= MinimumFreeBytes ? null : string.Create(CultureInfo.InvariantCulture, $"the disk is full: {free >> 10} kB free for {_server.DataDirectory}");
    }

    private static long FreeBytes(PostgresServer server)
    {
        try
        {
            return server.HostDirectory is { } directory ? new DriveInfo(directory).AvailableFreeSpace : long.MaxValue;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return long.MaxValue; // nobody knows: the server's own answer counts
        }
    }
}
