using Pocketgres.Server.Sleeping;

namespace Pocketgres.Server.Hosting;

/// <summary>
/// Decides which clusters of a host may be awake: as many as are allowed, while memory lasts. For one more, the one that was used least recently is put to sleep,
/// of those that nobody uses now; when all are used, the new one waits. Thread-safe.
/// </summary>
/// <param name="options">The limits.</param>
/// <param name="residentBytes">Memory of this process now.</param>
internal sealed class Places(HostOptions options, Func<long> residentBytes)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly List<SleepingCluster> _awake = []; // and those that wake or go to sleep

    /// <summary>Clusters that have a place.</summary>
    public int Taken
    {
        get
        {
            lock (_lock)
            {
                return _awake.Count;
            }
        }
    }

    /// <summary>Returns when a cluster may be woken.</summary>
    /// <exception cref="TooManyAwakeException">Not within <see cref="HostOptions.Patience"/>.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task TakeAsync(SleepingCluster cluster, CancellationToken cancellationToken)
    {
        bool hasMadeRoom = false;
        for (long end = Environment.TickCount64 + (long)options.Patience.TotalMilliseconds; ;)
        {
            // Memory comes back some time after a cluster has gone to sleep: one that did is room enough.
            bool isFull = !hasMadeRoom && options.Memory is { } limit && residentBytes() > limit.Bytes;
            List<SleepingCluster> awake;
            lock (_lock)
            {
                if (_awake.Count < options.MaximumAwake && (!isFull || _awake.Count == 0))
                {
                    _awake.Add(cluster);
                    return;
                }

                awake = [.. _awake];
            }

            if (await PutOneToSleepAsync(awake).ConfigureAwait(false))
            {
                hasMadeRoom = true;
                continue;
            }

            if (Environment.TickCount64 >= end)
            {
                throw new TooManyAwakeException(isFull
                    ? "the host has no memory for one more cluster, and those that are awake are all in use"
                    : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{options.MaximumAwake} clusters are awake, as many as this host allows, and all of them are in use"));
            }

            await Task.Delay(s_look, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A cluster sleeps.</summary>
    public void Leave(SleepingCluster cluster)
    {
        lock (_lock)
        {
            _awake.Remove(cluster);
        }
    }

    private async Task<bool> PutOneToSleepAsync(List<SleepingCluster> awake)
    {
        foreach (var cluster in awake.OrderBy(c => c.LastUse))
        {
            if (await cluster.SleepIfQuietAsync(options.Grace).ConfigureAwait(false))
            {
                return true;
            }
        }

        return false;
    }
}
