using System.Net.Sockets;

namespace Pocketgres.Fuzz;

/// <summary>One worker's sessions: one on the server, one on the native one.</summary>
sealed class Sessions : IDisposable
{
    /// <summary>What a statement is said to have done that neither ended nor could be cancelled.</summary>
    public const string Hangs = "hangs";

    static readonly TimeSpan s_cancelPatience = TimeSpan.FromSeconds(60);

    Connection? _ours, _theirs;

    /// <summary>Runs a statement in a transaction that is rolled back; tells its SQLSTATE.</summary>
    public async Task<string> RunAsync(Target target, string sql, bool mine, TimeSpan patience, CancellationToken cancellation)
    {
        var session = mine ? _ours : _theirs;
        for (int attempt = 0; session is null; attempt++)
        {
            try
            {
                session = await Connection.LoginAsync(target, "fuzz", cancellation);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                if (attempt == 100)
                {
                    return Connection.Lost;
                }

                await Task.Delay(100, cancellation);
            }
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(patience);
        string state;
        try
        {
            await session.QueryAsync("begin", limit.Token);
            state = await session.QueryAsync(sql, limit.Token);
            if (state != Connection.Lost)
            {
                await session.QueryAsync("rollback", limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            state = await CanCancelAsync(target, session, cancellation) ? "57014" : Hangs;
        }

        if (state is Connection.Lost or Hangs or "57P02" or "57P01")
        {
            session.Dispose();
            session = null;
        }

        if (mine)
        {
            _ours = session;
        }
        else
        {
            _theirs = session;
        }

        return state;
    }

    public void Dispose()
    {
        _ours?.Dispose();
        _theirs?.Dispose();
    }

    static async Task<bool> CanCancelAsync(Target target, Connection session, CancellationToken cancellation)
    {
        using (var request = await Connection.OpenAsync(target, cancellation))
        {
            byte[] body = [.. Messages.Int32(16), .. Messages.Int32(Messages.CancelRequest), .. Messages.Int32(session.BackendPid), .. Messages.Int32(session.BackendKey)];
            await request.SendAsync(body, cancellation);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_cancelPatience);
        try
        {
            await session.QueryAsync("rollback", limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
