using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Looks at what the processes of a cluster do, in their memory: it costs no connection, and none of them notices.</summary>
internal static unsafe class Sessions
{
    private const int LockPartitions = 16; // NUM_LOCK_PARTITIONS (storage/lwlock.h)

    /// <summary>Looks at all processes. Under the kernel's lock.</summary>
    public static ClusterActivity Look(PosixKernel kernel)
    {
        bool isBusy = false;
        int sessions = 0;
        var stamp = new HashCode();
        foreach (var process in kernel.Processes.Snapshot())
        {
            if (process.HasExited || process.Tag is not PostgresProcess { Type: var type })
            {
                continue;
            }

            switch (type)
            {
                case BackendType.Backend:
                    sessions++;
                    stamp.Add(process.Pid);
                    stamp.Add(StateStart(process));
                    isBusy |= !IsIdle(process.Memory);
                    break;
                case BackendType.WalSender:
                    sessions++;
                    isBusy = true;
                    break;
                case BackendType.AutovacuumWorker or BackendType.DeadEndBackend or BackendType.Startup:
                    isBusy = true;
                    break;
                case BackendType.BackgroundWorker:
                    isBusy |= GuestVariables.MyBackendEntry(process.Memory) is not 0 and var entry && new BackendStatus(process.Memory, entry).Database != 0;
                    break;
            }
        }

        return new ClusterActivity(isBusy, sessions, stamp.ToHashCode());
    }

    private static long StateStart(Process process) =>
        GuestVariables.MyBackendEntry(process.Memory) is not 0 and var entry ? new BackendStatus(process.Memory, entry).StateStart : 0;

    // A session that waits for its client, outside of a transaction, and has nothing that would be gone with it but what every driver makes again.
    private static bool IsIdle(byte* m)
    {
        uint entry = GuestVariables.MyBackendEntry(m), slot = GuestVariables.MyProcess(m);
        if (entry == 0 || slot == 0 || new BackendStatus(m, entry).State != BackendStates.Idle
            || GuestVariables.ListenChannels(m) != 0 || GuestVariables.TemporaryNamespace(m) != 0)
        {
            return false;
        }

        var process = new ProcessSlot(m, slot);
        for (int i = 0; i < LockPartitions; i++)
        {
            uint first = process.Locks(i).First;
            if (first != 0 && new LockList(m, first).First != first) // what follows the head is the head itself in an empty list
            {
                return false;
            }
        }

        return true;
    }
}
