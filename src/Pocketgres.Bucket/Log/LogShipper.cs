using System.Diagnostics;
using Pocketgres.Bucket.Formats;
using Pocketgres.Engine;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Log;

/// <summary>
/// Brings what is noted to the bucket, as log records in order, several on their way at once, and says what is there: what is noted counts as durable when
/// its record and all before it are stored. Any thread.
/// </summary>
/// <remarks>
/// Tickets are numbers of noted parts. A record whose answer is lost is sent again, the same bytes under the same name, for ever. A name that is taken by
/// somebody else's bytes means that this writer was fenced: nothing more becomes durable, and every wait stays a wait.
/// </remarks>
internal sealed class LogShipper : ICommitGate, IAsyncDisposable
{
    /// <summary>Bytes noted and not yet durable above which <see cref="WaitForRoom"/> waits, and at which the mode <see cref="LogMode.Sleep"/> ships.</summary>
    public const int MaximumPending = 16 << 20;

    private readonly object _lock = new();
    private readonly IObjectStore _store;
    private readonly OpenedLog _log;
    private readonly BucketOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<BucketException> _fenced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<long, long> _stored = []; // records stored behind one that is not: sequence, last part
    private readonly Queue<LogRecord> _cut = new(); // records that have a number and were not sent yet
    private readonly Dictionary<long, long> _lastPart = []; // of each record that is not confirmed
    private readonly DurableWaits _waits = new();
    private TaskCompletionSource? _changed; // while a task waits for something here
    private readonly PutPace _pace;
    private readonly Timer _pump; // when nothing else happens, to look again
    private readonly Timer? _interval;

    private List<LogPart> _parts = [];
    private long _pendingBytes, _notedBytes;
    private long _noted, _sealed, _cutUpTo, _durable; // parts
    private long _next, _confirmed; // sequences
    private long _wanted; // parts that somebody waits for, whatever the mode
    private int _flying;
    private bool _isHeld;
    private long _sealedAt; // when the oldest of what is sealed and not in a record was

    /// <summary>Begins behind the opener's fence.</summary>
    /// <param name="store">The cluster's prefix; must ask again for ever.</param>
    /// <param name="log">The log, taken.</param>
    /// <param name="options">Options.</param>
    /// <param name="isHeld">Whether nothing may be sent before <see cref="Release"/>.</param>
    public LogShipper(IObjectStore store, OpenedLog log, BucketOptions options, bool isHeld = false)
    {
        _store = store;
        _isHeld = isHeld;
        _log = log;
        _options = options;
        _next = log.NextSequence;
        _confirmed = log.NextSequence - 1;
        _pace = new PutPace(options.PutsPerSecond, options.InFlight);
        _pump = new Timer(_ => Tick(wantsAll: false), null, Timeout.Infinite, Timeout.Infinite);
        _interval = options.Mode == LogMode.Interval ? new Timer(_ => Tick(wantsAll: true), null, options.Interval, options.Interval) : null;
    }

    /// <summary>Called before a record is sent, and when it is stored and nobody knows, with the step's name.</summary>
    public Action<string>? Step { get; init; }

    /// <summary>Completes when another process has taken the cluster over, with the error to show.</summary>
    public Task<BucketException> Fenced => _fenced.Task;

    /// <summary>The last record that is stored with all before it.</summary>
    public long Confirmed
    {
        get
        {
            lock (_lock)
            {
                return _confirmed;
            }
        }
    }

    /// <summary>Bytes noted and not stored yet.</summary>
    public long PendingBytes => Volatile.Read(ref _pendingBytes);

    /// <summary>Bytes noted since the beginning.</summary>
    public long NotedBytes => Volatile.Read(ref _notedBytes);

    /// <summary>Lets be sent what is noted: the log is the opener's.</summary>
    public void Release()
    {
        lock (_lock)
        {
            _isHeld = false;
            Changed();
            Pump();
        }
    }

    /// <inheritdoc/>
    public bool? WaitUntilTaken(TimeSpan patience)
    {
        lock (_lock)
        {
            if (_isHeld && !_stop.IsCancellationRequested)
            {
                Monitor.Wait(_lock, patience);
            }

            return !_isHeld ? true : _stop.IsCancellationRequested ? false : null;
        }
    }

    /// <summary>Adds a change. Changes become durable in this order.</summary>
    public void Note(LogPart part)
    {
        lock (_lock)
        {
            _parts.Add(part);
            _noted++;
            _pendingBytes += part.Size;
            Volatile.Write(ref _notedBytes, _notedBytes + part.Size);
        }
    }

    /// <summary>What was noted is to become durable, when the mode says. Returns its ticket.</summary>
    public long Seal()
    {
        lock (_lock)
        {
            _sealedAt = _sealed > _cutUpTo ? _sealedAt : Environment.TickCount64;
            Volatile.Write(ref _sealed, _noted);
            Pump();
            return _sealed;
        }
    }

    /// <inheritdoc/>
    public long CommitTicket() => _options.Mode == LogMode.Strict ? SendTicket() : 0;

    /// <inheritdoc/>
    public long SendTicket()
    {
        long ticket = Volatile.Read(ref _sealed);
        return Volatile.Read(ref _durable) >= ticket ? 0 : ticket;
    }

    /// <inheritdoc/>
    public bool Wait(long ticket, TimeSpan patience)
    {
        DurableWaits.Waiting waiting;
        lock (_lock)
        {
            Want(ticket);
            if (_durable >= ticket)
            {
                return true;
            }

            waiting = _waits.Add(ticket);
        }

        if (waiting.Wait(patience))
        {
            return true;
        }

        lock (_lock)
        {
            _waits.Remove(waiting);
            return _durable >= ticket;
        }
    }

    /// <summary>Returns when a ticket's parts are durable; false when they never will be, because the shipper was stopped or fenced.</summary>
    public bool WaitUntilDurable(long ticket)
    {
        lock (_lock)
        {
            Want(ticket);
            while (_durable < ticket)
            {
                if (_stop.IsCancellationRequested || _fenced.Task.IsCompleted)
                {
                    return false;
                }

                Monitor.Wait(_lock);
            }

            return true;
        }
    }

    /// <summary>Waits while too much is noted that is not durable. Not under any lock.</summary>
    public void WaitForRoom()
    {
        lock (_lock)
        {
            while (_pendingBytes > MaximumPending && !_stop.IsCancellationRequested && !_fenced.Task.IsCompleted)
            {
                Want(_noted);
                Monitor.Wait(_lock);
            }
        }
    }

    /// <summary>Ends the current record, so that everything noted is in records up to the one returned, and what is noted later in later ones.</summary>
    /// <param name="after">The record that is to be returned has a higher number than this one, if need be without parts.</param>
    public long Cut(long after = -1)
    {
        lock (_lock)
        {
            if (_parts.Count > 0 || _next - 1 <= after)
            {
                _cut.Enqueue(Close(LogRecordKind.Data));
            }

            Volatile.Write(ref _sealed, _noted);
            Want(_noted);
            return _next - 1;
        }
    }

    /// <summary>Ends the log: nothing may be noted any more. Returns its last record's number when it is stored.</summary>
    public async Task<long> CloseAsync()
    {
        long last;
        lock (_lock)
        {
            _cut.Enqueue(Close(LogRecordKind.Close));
            last = _next - 1;
            Pump();
        }

        await ConfirmedAsync(last).ConfigureAwait(false);
        return last;
    }

    /// <summary>Returns when a record and all before it are stored.</summary>
    /// <exception cref="BucketException">They will not be: this writer was fenced, or stopped.</exception>
    public async Task ConfirmedAsync(long sequence)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_confirmed >= sequence)
                {
                    return;
                }

                if (_fenced.Task.IsCompleted)
                {
                    throw _fenced.Task.Result;
                }

                if (_stop.IsCancellationRequested)
                {
                    throw new BucketException(BucketError.Store, "stopped before the log was stored");
                }

                // No thread waits: fifty clusters that go to sleep at once would have all of the pool's, which what they wait for needs.
                changed = (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await changed.ConfigureAwait(false);
        }
    }

    /// <summary>Looks whether somebody has taken the number that is next, which a writer that writes nothing would not notice.</summary>
    public async Task LookForFenceAsync(CancellationToken cancellationToken)
    {
        long next;
        lock (_lock)
        {
            if (_flying > 0 || _cut.Count > 0)
            {
                return; // will be noticed
            }

            next = _next;
        }

        if (await _store.GetAsync(Keys.LogRecord(next), null, cancellationToken).ConfigureAwait(false) is { } found
            && LogRecord.Decode(found.Content, _log.Cluster, next).Token != _log.Token)
        {
            Fence();
        }
    }

    /// <summary>Gives up: nothing more is sent.</summary>
    public async ValueTask DisposeAsync()
    {
        await _pump.DisposeAsync().ConfigureAwait(false);
        if (_interval is not null)
        {
            await _interval.DisposeAsync().ConfigureAwait(false);
        }

        GiveUp();
    }

    /// <summary>Nothing more is sent, and nobody waits any more for what was not stored.</summary>
    public void GiveUp()
    {
        lock (_lock)
        {
            _stop.Cancel();
            Changed();
        }
    }

    // Lets all who wait look again. Under the lock.
    private void Changed()
    {
        Monitor.PulseAll(_lock);
        _changed?.SetResult();
        _changed = null;
    }

    private void Tick(bool wantsAll)
    {
        lock (_lock)
        {
            _wanted = wantsAll ? Math.Max(_wanted, _sealed) : _wanted;
            Pump();
        }
    }

    private void Want(long ticket)
    {
        _wanted = Math.Max(_wanted, ticket);
        Pump();
    }

    // Whether what was noted is to be sent now; if not, after how many milliseconds to look again.
    private bool IsDue(out int pause)
    {
        pause = Timeout.Infinite;
        if (_wanted > _cutUpTo || _options.Mode != LogMode.Strict || _sealed <= _cutUpTo)
        {
            return _noted > _cutUpTo && (_wanted > _cutUpTo || _pendingBytes >= MaximumPending);
        }

        // What nobody waits for goes with the next commit, or by itself soon.
        pause = (int)Math.Clamp(BucketOptions.Unhurried - (Environment.TickCount64 - _sealedAt), 0, BucketOptions.Unhurried);
        return pause == 0 || _pendingBytes >= BucketOptions.UnhurriedBytes;
    }

    // Sends what may be sent now. Under the lock.
    private void Pump()
    {
        while (!_isHeld && _flying < _options.InFlight && !_stop.IsCancellationRequested && !_fenced.Task.IsCompleted)
        {
            bool hasRecord = _cut.TryPeek(out var record);
            if ((hasRecord ? record!.Sequence : _next) > _confirmed + BucketOptions.Window)
            {
                return;
            }

            int pause = 0;
            if ((!hasRecord && !IsDue(out pause)) || !_pace.TryTake(_flying, out pause))
            {
                _pump.Change(pause, Timeout.Infinite);
                return;
            }

            record = hasRecord ? _cut.Dequeue() : Close(LogRecordKind.Data);
            _flying++;
            _ = Task.Run(() => ShipAsync(record));
        }
    }

    private LogRecord Close(LogRecordKind kind)
    {
        var record = new LogRecord(kind, _log.Cluster, _next++, _log.Token, DateTime.UtcNow, _parts);
        _lastPart.Add(record.Sequence, _noted);
        _parts = [];
        _cutUpTo = _noted;
        return record;
    }

    private async Task ShipAsync(LogRecord record)
    {
        try
        {
            Step?.Invoke("record");
            long began = Stopwatch.GetTimestamp();
            if (await _store.CreateAsync(Keys.LogRecord(record.Sequence), record.Encode(), _stop.Token).ConfigureAwait(false))
            {
                Step?.Invoke("recorded");
                Stored(record, Stopwatch.GetElapsedTime(began));
            }
            else
            {
                Fence();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Whether it is there will be seen by who opens the cluster next.
        }
        catch (ObjectStoreException e)
        {
            // Not one that passes: somebody took the rights or the bucket away.
            Fail(new BucketException(BucketError.Store, e.Message, e));
        }
    }

    private void Stored(LogRecord record, TimeSpan took)
    {
        lock (_lock)
        {
            _flying--;
            _pace.Took(took);
            int bytes = 0;
            foreach (var part in record.Parts)
            {
                bytes += part.Size;
            }

            _pendingBytes -= bytes;
            _stored.Add(record.Sequence, bytes);
            long before = _confirmed;
            while (_stored.Remove(_confirmed + 1))
            {
                _confirmed++;
                _lastPart.Remove(_confirmed, out long last);
                Volatile.Write(ref _durable, last);
            }

            if (_confirmed > before)
            {
                _waits.Wake(_durable);
                Changed();
            }

            Pump();
        }
    }

    private void Fence() => Fail(new BucketException(BucketError.Fenced, $"another process has taken {_store.Name} over: this one stops at once"));

    private void Fail(BucketException error)
    {
        lock (_lock)
        {
            _fenced.TrySetResult(error);
            Changed();
        }
    }
}
