namespace Pocketgres.Kernel.Syscalls;

/// <summary>The waiting instructions of WebAssembly's threads proposal: futex(2) with FUTEX_WAIT and FUTEX_WAKE; and memory barriers.</summary>
public static unsafe class FutexCalls
{
    /// <summary>memory.atomic.wait32: 0 when notified, 1 when the value is another one, 2 when the time (nanoseconds; negative: none) was over.</summary>
    [HostFunction("memory.atomic.wait32", Locking = KernelLocking.None)]
    public static int Wait(byte* m, int address, int expected, long timeout)
    {
        int* value = (int*)(m + (uint)address);
        return Process.From(m).WaitAtAddress(address, () => Volatile.Read(ref *value) == expected, timeout);
    }

    /// <summary>memory.atomic.wait64; see <see cref="Wait(byte*, int, int, long)"/>.</summary>
    [HostFunction("memory.atomic.wait64", Locking = KernelLocking.None)]
    public static int Wait(byte* m, int address, long expected, long timeout)
    {
        long* value = (long*)(m + (uint)address);
        return Process.From(m).WaitAtAddress(address, () => Volatile.Read(ref *value) == expected, timeout);
    }

    /// <summary>Orders loads. The translator puts the barrier in the place of a call; this is for calls through a pointer.</summary>
    [HostFunction("pocket_read_barrier", Locking = KernelLocking.None)]
    public static void ReadBarrier(byte* m) => Volatile.ReadBarrier();

    /// <summary>Orders stores; see <see cref="ReadBarrier"/>.</summary>
    [HostFunction("pocket_write_barrier", Locking = KernelLocking.None)]
    public static void WriteBarrier(byte* m) => Volatile.WriteBarrier();

    /// <summary>memory.atomic.notify: wakes at most so many (unsigned) and returns how many it woke.</summary>
    [HostFunction("memory.atomic.notify", Locking = KernelLocking.None)]
    public static int Notify(byte* m, int address, int count) => (int)Process.From(m).Kernel.Futexes.Notify(address, (uint)count);
}
