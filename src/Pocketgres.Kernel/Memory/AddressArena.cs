using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// The addresses in which all linear memories of this .NET process lie, side by side: one range, so that the handler of memory faults (<see cref="FaultHandler"/>) tells by
/// two comparisons whether a fault is a process's own. Static for that reason: signal handlers belong to the .NET process. Thread-safe.
/// </summary>
internal static unsafe class AddressArena
{
    /// <summary>Linear memories at a time. Their mappings reach the host's usual limit (vm.max_map_count) sooner.</summary>
    public const int MaximumSlots = 8192;

    /// <summary>All regions lie equally within huge pages: <see cref="ClonedMemory"/> moves whole page tables between them.</summary>
    private const long Alignment = 2 << 20;

    /// <summary>Bytes of one slot: everything that an access of translated code can reach.</summary>
    public const long SlotSize = (InstanceLayout.ReservedBytes + InstanceLayout.NegativeBytes + (1 << 20) + Alignment - 1) & -Alignment;

    private const int Reserved = Libc.MapPrivate | Libc.MapAnonymous | Libc.MapNoReserve;

    private static readonly Lock Guard = new();
    private static readonly Stack<int> Free = new();
    private static byte* s_start; // null until the first reservation
    private static int s_slots;
    private static int s_used; // slots from here on were never used

    /// <summary>Regions that are reserved at the moment.</summary>
    public static int InUse
    {
        get
        {
            lock (Guard)
            {
                return s_used - Free.Count;
            }
        }
    }

    /// <summary>A region of <see cref="SlotSize"/> bytes without access.</summary>
    /// <exception cref="HostResourceException">All are in use, or the host has no such addresses.</exception>
    public static byte* Reserve()
    {
        lock (Guard)
        {
            if (s_start is null)
            {
                Create();
            }

            if (!Free.TryPop(out int slot))
            {
                slot = s_used < s_slots ? s_used++ : throw new HostResourceException($"all {s_slots} address spaces of this .NET process are in use");
            }

            FaultHandler.Forget(slot);
            return s_start + (slot * SlotSize);
        }
    }

    /// <summary>A region gets a new owner, who has had no fault yet.</summary>
    public static void ForgetFault(byte* region) => FaultHandler.Forget(Slot(region));

    /// <summary>Gives the memory of a region back; its addresses stay reserved.</summary>
    public static void Release(byte* region)
    {
        if (Libc.mmap(region, unchecked((nint)SlotSize), Libc.ProtNone, Reserved | Libc.MapFixed, -1, 0) != region)
        {
            return; // the host's limit of mappings: the addresses may be anybody's now, so nobody here gets them again
        }

        lock (Guard)
        {
            Free.Push(Slot(region));
        }
    }

    /// <summary>The fault that was the last one in a region since it was reserved, or null.</summary>
    public static MemoryFault? LastFault(byte* region) => FaultHandler.LastFault(Slot(region)) is { } fault
        ? fault with { Address = fault.Address - (long)region - InstanceLayout.NegativeBytes }
        : null;

    private static int Slot(byte* region) => (int)((region - s_start) / SlotSize);

    // As many slots as the host has addresses for: fewer under ulimit -v, and where addresses have fewer bits.
    private static void Create()
    {
        for (int slots = MaximumSlots; slots > 0; slots /= 2)
        {
            byte* reservation = Libc.mmap(null, (nint)((slots * SlotSize) + Alignment), Libc.ProtNone, Reserved, -1, 0);
            if ((nint)reservation != -1)
            {
                byte* start = (byte*)(((long)reservation + Alignment - 1) & -Alignment);
                FaultHandler.Install(start, slots, SlotSize);
                s_start = start;
                s_slots = slots;
                return;
            }
        }

        throw new HostResourceException($"cannot reserve {SlotSize >> 30} GiB of address space (errno {Marshal.GetLastPInvokeError()}); check ulimit -v");
    }
}
