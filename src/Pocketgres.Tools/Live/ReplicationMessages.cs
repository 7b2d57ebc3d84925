using Npgsql.Replication;

namespace Pocketgres.Live;

/// <summary>Waits for messages of a replication connection, and lets the server drop its log while none come.</summary>
internal static class ReplicationMessages
{
    // As often as Npgsql tells the server anyway.
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);

    /// <summary>Moves to the next message.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="messages">Its messages.</param>
    /// <param name="isBetweenTransactions">
    /// Whether all messages of the last transaction were handled. Then, what the server has sent up to now counts as done while nothing new comes: keepalives move that position
    /// when other tables and databases are written, whose log would be kept otherwise. It never passes a commit that was not handled, because the only message that may have
    /// arrived unseen begins a transaction, and its position is before that transaction's commit.
    /// </param>
    public static async Task<bool> NextAsync<T>(LogicalReplicationConnection connection, IAsyncEnumerator<T> messages, bool isBetweenTransactions)
    {
        var next = messages.MoveNextAsync();
        if (next.IsCompleted)
        {
            return await next;
        }

        var task = next.AsTask();
        while (true)
        {
            await ((Task)task).WaitAsync(s_idle, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (task.IsCompleted)
            {
                return await task;
            }

            if (isBetweenTransactions && connection.LastReceivedLsn is { } received && received > connection.LastFlushedLsn)
            {
                connection.SetReplicationStatus(received);
            }
        }
    }
}
