using System.Net.Sockets;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Stress;

/// <summary>One kind of work, repeated on a session of its own until the time is up; it opens a new session whenever it lost one.</summary>
abstract class Actor(TestServer server)
{
    /// <summary>What the others do to a session: deadlock victim, serialization failure, cancel, terminate, lock timeout.</summary>
    static readonly HashSet<string> s_expected = ["40P01", "40001", "57014", "57P01", "55P03"];

    protected TestServer Server { get; } = server;

    public virtual string Name => GetType().Name;

    /// <summary>Rounds that succeeded.</summary>
    public long Done { get; private set; }

    /// <summary>Rounds that failed as others meant them to.</summary>
    public long Expected { get; private set; }

    /// <summary>Rounds of which the connection's end leaves open whether they were committed.</summary>
    public long Unknown { get; private set; }

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using NpgsqlConnection session = await Server.OpenAsync();
                await session.ExecuteAsync("select set_config('application_name', $1, false)", "stress " + Name);
                while (!stop.IsCancellationRequested && session.State == System.Data.ConnectionState.Open)
                {
                    await RoundAsync(session);
                }
            }
            catch (Exception exception) when (IsExpected(exception))
            {
                // Terminated while connecting or between two rounds.
                Expected++;
            }
        }
    }

    async Task RoundAsync(NpgsqlConnection session)
    {
        try
        {
            await ActAsync(session);
            Done++;
        }
        catch (PostgresException exception) when (s_expected.Contains(exception.SqlState))
        {
            Expected++;
            OnExpected(exception.SqlState);
            if (session.State == System.Data.ConnectionState.Open)
            {
                await session.ExecuteAsync("rollback");
            }
            else
            {
                // A terminate may arrive after the commit and before its acknowledgement.
                Unknown++;
            }
        }
        catch (Exception exception) when (IsLostConnection(exception))
        {
            Unknown++;
            await session.CloseAsync();
        }
    }

    protected abstract Task ActAsync(NpgsqlConnection session);

    protected virtual void OnExpected(string sqlState)
    {
    }

    protected static bool IsExpected(Exception exception) =>
        exception is PostgresException postgres ? s_expected.Contains(postgres.SqlState) : IsLostConnection(exception);

    static bool IsLostConnection(Exception exception) =>
        exception is NpgsqlException { InnerException: IOException or SocketException } and not PostgresException;
}
