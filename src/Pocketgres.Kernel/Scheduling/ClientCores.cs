using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// On which cores of the host the clients run, as far as a few of their requests tell: SO_INCOMING_CPU is the core that took a connection's last segment, and for a
/// client on the same machine that is its own, as a send(2) over the loopback device does the receiver's work too.
/// </summary>
internal sealed unsafe class ClientCores
{
    private const int SocketLevel = 1, IncomingCoreOption = 49; // SOL_SOCKET, SO_INCOMING_CPU

    private readonly int[] _requests = new int[CpuSet.Capacity];

    /// <summary>The core that the last segment came from; negative if the descriptor is none of a TCP connection. Any thread.</summary>
    public static int Of(int descriptor)
    {
        int core, size = sizeof(int);
        return Libc.getsockopt(descriptor, SocketLevel, IncomingCoreOption, &core, &size) != 0 ? -1 : core;
    }

    /// <summary>Counts a request. Under the global lock.</summary>
    public void Count(int core)
    {
        if ((uint)core < CpuSet.Capacity)
        {
            _requests[core]++;
        }
    }

    /// <summary>Whether a part of the requests that matters, an eighth, comes from a core. Any thread.</summary>
    public bool IsAmong(int core)
    {
        int all = 0;
        foreach (int requests in _requests)
        {
            all += requests;
        }

        return From(core) * 8 > all;
    }

    /// <summary>Forgets the requests so far. Any thread: one that is counted meanwhile may be lost or kept.</summary>
    public void Clear() => Array.Clear(_requests);

    /// <summary>The core from which the fewest requests come. Any thread.</summary>
    /// <param name="among">The cores that may be used; one at least.</param>
    /// <param name="preferred">Taken unless another one has less than half as many.</param>
    public int Quietest(CpuSet among, int preferred)
    {
        int quietest = preferred, fewest = among.Contains(preferred) ? From(preferred) / 2 : int.MaxValue;
        for (int core = 0; core < CpuSet.Capacity; core++)
        {
            if (among.Contains(core) && _requests[core] < fewest)
            {
                quietest = core;
                fewest = _requests[core];
            }
        }

        return quietest;
    }

    private int From(int core) => (uint)core < CpuSet.Capacity ? _requests[core] : 0;
}
