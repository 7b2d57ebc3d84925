namespace Pocketgres.ObjectStore.Transport;

/// <summary>
/// Sends requests over connections of its own, and keeps those that are idle for the next ones. .NET's HTTP client does more than a store's requests need, and
/// a cluster's wake waits for its code to be loaded and compiled: 60 to 100 ms of processor time before the first answer.
/// </summary>
internal sealed class DirectTransport : IHttpTransport
{
    private const int Ahead = 5;
    private const long FreshMilliseconds = 4_000; // servers give up what asks for nothing after 5 s or more
    private static readonly TimeSpan s_idle = TimeSpan.FromMinutes(1);
    private readonly HttpOrigin _origin;
    private readonly TimeSpan _idleTime;

    // As many as a wake sends requests at once: no request waits until TCP and TLS are ready, nor the first connection for the first signature.
    private readonly Task<HttpConnection>[] _ahead;
    private int _taken; // of those

    // The one used last is at the end.
    private readonly List<HttpConnection> _idle = [];
    private readonly Timer _clearing;
    private bool _isDisposed;

    /// <summary>Begins to connect.</summary>
    /// <param name="origin">The server.</param>
    /// <param name="idle">How long a connection is kept that nobody uses; null for a minute.</param>
    public DirectTransport(HttpOrigin origin, TimeSpan? idle = null)
    {
        (_origin, _idleTime) = (origin, idle ?? s_idle);
        _clearing = new Timer(_ => Clear());
        _ahead = new Task<HttpConnection>[Ahead];
        for (int i = 0; i < Ahead; i++)
        {
            _ahead[i] = Task.Run(() => HttpConnection.OpenAsync(origin));
        }
    }

    /// <inheritdoc/>
    public async Task<StoreResponse> SendAsync(StoreRequest request, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(timeout);
        var connection = TakeIdle();
        Task<HttpConnection>? connecting = null;
        try
        {
            while (connection is null)
            {
                connecting = ConnectAsync();
                var made = await connecting.WaitAsync(patience.Token).ConfigureAwait(false);
                connecting = null;
                if (Environment.TickCount64 - made.LastUsed < FreshMilliseconds)
                {
                    connection = made;
                }
                else
                {
                    made.Dispose();
                }
            }

            patience.CancelAfter(timeout);
            return await connection.SendAsync(request, patience, timeout).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"no answer within {timeout.TotalSeconds:0} s");
        }
        finally
        {
            if (connection is not null)
            {
                GiveBack(connection);
            }

            if (connecting is not null)
            {
                GiveBackWhenMade(connecting);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_idle)
        {
            _isDisposed = true;
            _idle.ForEach(c => c.Dispose());
            _idle.Clear();
            _clearing.Dispose();
        }

        GiveBackAhead();
    }

    private HttpConnection? TakeIdle()
    {
        while (true)
        {
            HttpConnection connection;
            lock (_idle)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                if (_idle.Count == 0)
                {
                    return null;
                }

                connection = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
            }

            // The server may have closed it: no request need be lost for that.
            if (connection.IsQuiet)
            {
                return connection;
            }

            connection.Dispose();
        }
    }

    private Task<HttpConnection> ConnectAsync()
    {
        while (Volatile.Read(ref _taken) is < Ahead and var taken)
        {
            if (Interlocked.CompareExchange(ref _taken, taken + 1, taken) == taken)
            {
                return _ahead[taken];
            }
        }

        return HttpConnection.OpenAsync(_origin);
    }

    private void GiveBack(HttpConnection connection)
    {
        lock (_idle)
        {
            if (connection.IsReusable && !_isDisposed)
            {
                _idle.Add(connection);
                if (_idle.Count == 1)
                {
                    _clearing.Change(_idleTime, Timeout.InfiniteTimeSpan);
                }

                return;
            }
        }

        connection.Dispose();
    }

    // A cluster that sleeps asks for nothing for hours, and the server has long closed what it does not use.
    private void Clear()
    {
        GiveBackAhead();
        lock (_idle)
        {
            long oldest = Environment.TickCount64 - (long)_idleTime.TotalMilliseconds;
            foreach (var connection in _idle.Where(c => c.LastUsed <= oldest))
            {
                connection.Dispose();
            }

            _idle.RemoveAll(c => c.LastUsed <= oldest);
            if (_idle.Count > 0 && !_isDisposed)
            {
                _clearing.Change(_idleTime, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void GiveBackAhead()
    {
        for (int i = Interlocked.Exchange(ref _taken, Ahead); i < Ahead; i++)
        {
            GiveBackWhenMade(_ahead[i]);
        }
    }

    // Nobody waits for it any more.
    private void GiveBackWhenMade(Task<HttpConnection> connecting) => _ = connecting.ContinueWith(
        c =>
        {
            if (c.IsCompletedSuccessfully)
            {
                GiveBack(c.Result);
            }
            else
            {
                _ = c.Exception; // has been looked at
            }
        },
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}
