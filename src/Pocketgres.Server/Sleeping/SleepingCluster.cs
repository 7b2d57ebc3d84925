using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.ExceptionServices;
using Pocketgres.Bucket;
using Pocketgres.Engine;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Server.Sleeping;

/// <summary>
/// A cluster in a bucket that runs while it is needed: the first connection wakes it, and when nobody does anything for a while it is closed, so that
/// nothing is asked of the store any more. Connections that come meanwhile wait. Thread-safe.
/// </summary>
/// <param name="options">How to serve it. Its connections are those of <see cref="Accept"/> alone.</param>
/// <param name="idle">How long nobody must have done anything; null for never.</param>
internal sealed class SleepingCluster(ServerOptions options, TimeSpan? idle) : IAsyncDisposable
{
    private static readonly TimeSpan s_longestLook = TimeSpan.FromMilliseconds(500), s_shortestLook = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly List<IncomingConnection> _waiting = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _life = Task.CompletedTask;
    private TaskCompletionSource _changed = NewSource();
    private TaskCompletionSource _askedToSleep = NewSource();
    private ConnectionQueue? _queue; // while it is awake
    private PostgresServer? _server; // while it is awake, or going to sleep
    private SleepState _state;
    private ShutdownMode _mode = ShutdownMode.Fast;
    private Exception? _lastError; // of a wake or a life, until the next one
    private (int Stamp, long Handed, long Since) _seen;

    /// <summary>Where it is.</summary>
    public SleepState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
    }

    /// <summary>The server while one runs, for what is asked of it; null otherwise.</summary>
    public PostgresServer? Server
    {
        get
        {
            lock (_lock)
            {
                return _state == SleepState.Awake ? _server : null;
            }
        }
    }

    /// <summary>How often it was opened, and how long the last time took.</summary>
    public (long Count, TimeSpan Last) Wakes { get; private set; }

    /// <summary>Connections that came, and those that were told why they got no session.</summary>
    public (long Accepted, long Refused) Connections { get; private set; }

    /// <summary>When somebody last did something, as a <see cref="Stopwatch"/> timestamp.</summary>
    public long LastUse => Volatile.Read(ref _seen.Since);

    /// <summary>Called when it could not be opened, or its server ended for another reason than sleep, with the reason.</summary>
    public Action<Exception>? Failed { get; init; }

    /// <summary>Called before it is opened, and waited for: may make room. What it throws refuses the connections that wait.</summary>
    public Func<CancellationToken, Task>? Admission { get; init; }

    /// <summary>Called when it is closed, or could not be opened, after <see cref="Admission"/>.</summary>
    public Action? Slept { get; init; }

    /// <summary>Takes a connection: a running server gets it, or it waits for one.</summary>
    public void Accept(IncomingConnection connection)
    {
        lock (_lock)
        {
            Connections = (Connections.Accepted + 1, Connections.Refused);
            Volatile.Write(ref _seen.Since, Stopwatch.GetTimestamp());
            if (_stop.IsCancellationRequested)
            {
                connection.Dispose();
                return;
            }

            if (_state == SleepState.Awake && connection.HandTo(_queue!))
            {
                return;
            }

            _waiting.Add(connection);
            WakeUp();
        }
    }

    /// <summary>Lets the server have a request to cancel too, if one runs; whether it means a session of that one, the server finds out. The connection stays the caller's.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="receipt">Disposed when the server has closed it.</param>
    /// <returns>False when none runs.</returns>
    public bool Cancel(IncomingConnection connection, IDisposable receipt)
    {
        lock (_lock)
        {
            return _state == SleepState.Awake && connection.ShareWith(_queue!, receipt);
        }
    }

    /// <summary>Opens it unless it is open. Returns when it serves.</summary>
    /// <exception cref="BucketException">It cannot be opened.</exception>
    /// <exception cref="ClusterException">The server cannot start.</exception>
    public async Task WakeAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            _lastError = null;
        }

        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_state == SleepState.Awake)
                {
                    return;
                }

                if (_lastError is not null)
                {
                    break;
                }

                _stop.Token.ThrowIfCancellationRequested();
                WakeUp();
                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        ExceptionDispatchInfo.Throw(_lastError);
    }

    /// <summary>Clients' sessions now.</summary>
    public int Sessions
    {
        get
        {
            lock (_lock)
            {
                return _state == SleepState.Awake ? _server!.Cluster.LookAtActivity().Sessions : 0;
            }
        }
    }

    /// <summary>
    /// Closes it if nobody uses it, and returns when that is done; connections that come meanwhile wake it again.
    /// </summary>
    /// <param name="grace">How long sessions must have done nothing.</param>
    /// <returns>False when it is in use, or on its way from sleep or to it.</returns>
    public async Task<bool> SleepIfQuietAsync(TimeSpan grace)
    {
        Task changed;
        lock (_lock)
        {
            if (_state != SleepState.Awake || _queue!.Pending > 0 || _queue.Handed != _seen.Handed)
            {
                return false;
            }

            var activity = _server!.Cluster.LookAtActivity();
            if (activity.IsBusy || (activity.Sessions > 0 && (activity.Stamp != _seen.Stamp || Stopwatch.GetElapsedTime(_seen.Since) < grace)))
            {
                return false;
            }

            SetState(SleepState.GoingToSleep);
            _askedToSleep.TrySetResult();
            changed = _changed.Task;
        }

        await changed.ConfigureAwait(false);
        return true;
    }

    /// <summary>Closes it for good; connections that wait are closed.</summary>
    public async Task StopAsync(ShutdownMode mode)
    {
        PostgresServer? server;
        Task life;
        lock (_lock)
        {
            _mode = mode;
            server = _server;
            life = _life;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        if (server is not null)
        {
            _ = server.StopAsync(mode);
        }

        await life.ConfigureAwait(false);
        lock (_lock)
        {
            _waiting.ForEach(c => c.Dispose());
            _waiting.Clear();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(ShutdownMode.Fast).ConfigureAwait(false);
        _stop.Dispose();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Under the lock.
    private void WakeUp()
    {
        if (_state == SleepState.Asleep && !_stop.IsCancellationRequested)
        {
            SetState(SleepState.Waking);
            _life = Task.Run(LiveAsync);
        }
    }

    private void SetState(SleepState state)
    {
        _state = state;
        var changed = _changed;
        _changed = NewSource();
        changed.TrySetResult();
    }

    private async Task LiveAsync()
    {
        Exception? error = null;
        try
        {
            await StartAsync().ConfigureAwait(false);
            await WatchAsync().ConfigureAwait(false);
            error = await EndAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever it is, those who wait are told, and the next one tries again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
        }

        Slept?.Invoke(); // before the next life may begin
        List<IncomingConnection> refused = [];
        lock (_lock)
        {
            (_queue, _server) = (null, null);
            _askedToSleep = NewSource();
            _lastError = error;
            if (error is not null)
            {
                refused.AddRange(_waiting);
                _waiting.Clear();
                Connections = (Connections.Accepted, Connections.Refused + refused.Count);
            }

            SetState(SleepState.Asleep);
            if (_waiting.Count > 0)
            {
                WakeUp();
            }
        }

        if (error is not null && !_stop.IsCancellationRequested)
        {
            Failed?.Invoke(error);
        }

        foreach (var connection in refused)
        {
            var (sqlState, hint) = Explain(error!);
            _ = connection.RefuseAsync(sqlState, error!.Message, hint);
        }
    }

    private async Task StartAsync()
    {
        long start = Stopwatch.GetTimestamp();
        if (Admission is { } admission)
        {
            await admission(_stop.Token).ConfigureAwait(false);
        }

        // Only its address matters, which nobody listens on for this server.
        var queue = new ConnectionQueue(options.ListenAddress ?? IPAddress.Loopback, options.Port);
        PostgresServer server;
        try
        {
            server = await PostgresServer.StartAsync(
                options with { Connections = queue, ListenAddress = options.ListenAddress ?? IPAddress.Loopback, UnixSocketDirectory = null, DatabaseExists = true },
                _stop.Token).ConfigureAwait(false);
        }
        catch
        {
            queue.Dispose();
            throw;
        }

        lock (_lock)
        {
            (_queue, _server) = (queue, server);
            Wakes = (Wakes.Count + 1, Stopwatch.GetElapsedTime(start));
            _seen = (0, -1, Stopwatch.GetTimestamp());
            _lastError = null;
            _waiting.RemoveAll(c => c.HandTo(queue));
            SetState(SleepState.Awake);
        }
    }

    // Returns when it is to be closed, or has ended by itself.
    private async Task WatchAsync()
    {
        var look = idle is { } time ? TimeSpan.FromTicks(Math.Clamp(time.Ticks / 8, s_shortestLook.Ticks, s_longestLook.Ticks)) : s_longestLook;
        while (!_stop.IsCancellationRequested)
        {
            await Task.WhenAny(_server!.Completion, _askedToSleep.Task, Task.Delay(look, _stop.Token)).ConfigureAwait(false);
            if (_server.Completion.IsCompleted)
            {
                return;
            }

            lock (_lock)
            {
                if (_state == SleepState.GoingToSleep)
                {
                    return;
                }

                if (HasBeenIdle(_server.Cluster.LookAtActivity()))
                {
                    SetState(SleepState.GoingToSleep);
                    return;
                }
            }
        }
    }

    private bool HasBeenIdle(ClusterActivity activity)
    {
        if (activity.Stamp != _seen.Stamp || _queue!.Handed != _seen.Handed || _queue.Pending > 0)
        {
            _seen = (activity.Stamp, _queue!.Handed, Stopwatch.GetTimestamp());
        }

        return !activity.IsBusy && idle is { } time && Stopwatch.GetElapsedTime(_seen.Since) >= time;
    }

    // Null when it ended as it was to.
    private async Task<Exception?> EndAsync()
    {
        var server = _server!;
        bool ended = server.Completion.IsCompleted;
        if (!ended)
        {
            _ = server.StopAsync(_mode);
        }

        int exitCode = await server.Completion.ConfigureAwait(false);
        bool wasAsked = server.StopRequested || server.SleepRequested;
        await server.DisposeAsync().ConfigureAwait(false);
        return server.BucketError ?? (wasAsked
            ? null
            : (Exception)new ServerException(string.Create(CultureInfo.InvariantCulture, $"the server ended by itself (exit code {exitCode}): its log says why")));
    }

    private static (string SqlState, string? Hint) Explain(Exception error) => error switch
    {
        BucketException { Error: BucketError.InUse } => ("55006", "It is open in another process."), // object_in_use
        BucketException { Error: BucketError.Missing } => ("3D000", null), // invalid_catalog_name
        BucketException { Error: BucketError.Damaged } => ("58030", null), // io_error
        TooManyAwakeException => ("53300", "Try again later, or allow more."), // too_many_connections
        _ => ("57P03", "Try again later."), // cannot_connect_now
    };
}
