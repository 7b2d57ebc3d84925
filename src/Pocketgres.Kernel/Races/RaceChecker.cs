using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Races;

/// <summary>
/// Finds plain accesses to shared memory by two processes, one a store at least, that nothing orders: a happens-before checker, as ThreadSanitizer is. It runs only under code that was
/// translated to call it, with POCKETGRES_RACES set, and watches one memory: the first big one that is mapped. So it is static, and for .NET processes with one cluster.
/// </summary>
/// <remarks>
/// What orders: atomic instructions on the same 8 bytes of any shared memory (acquire and release, whether they wrote what was read or not), fork, signals, and the end of another one's wait. Each 8 bytes have
/// the last accesses, of four at most: who, when by its own clock, which bytes. An access that the present process's vector clock has not reached is one that was not ordered.
/// Barriers alone order nothing here.
/// </remarks>
internal sealed unsafe class RaceChecker
{
    private const long Smallest = 1 << 20;
    private const int Entries = 4;

    private static readonly string? s_report = Environment.GetEnvironmentVariable("POCKETGRES_RACES");

    [ThreadStatic]
    private static RaceThread? t_current;

    private readonly long _address, _length;
    private readonly Cell* _cells;
    private readonly ConcurrentDictionary<(ulong Memory, long Word), int[]> _synchronised = [];
    private readonly Queue<int> _free = new(Enumerable.Range(0, RaceThread.Slots));
    private readonly int[] _clocks = new int[RaceThread.Slots]; // a slot's next process goes on where the last one was

    /// <summary>Watches memory at an address.</summary>
    public RaceChecker(long address, long length)
    {
        (_address, _length) = (address, length);
        nint size = (nint)(length / 8 * sizeof(Cell));
        _cells = (Cell*)Libc.mmap(null, size, Libc.ProtReadWrite, Libc.MapPrivate | Libc.MapAnonymous | Libc.MapNoReserve, -1, 0);
        if ((nint)_cells == -1)
        {
            throw new HostResourceException($"no {size} bytes for the checker of races (errno {Marshal.GetLastPInvokeError()})");
        }
    }

    /// <summary>
    /// A kind of atomic instruction that shall order nothing, to see that the checker notices: the number (in hexadecimal, as of functions) in POCKETGRES_RACES_WITHOUT. 0: none.
    /// </summary>
    public int Ignored { get; } = (int)(uint.TryParse(Environment.GetEnvironmentVariable("POCKETGRES_RACES_WITHOUT"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out uint kind) ? kind : 0);

    /// <summary>What was found.</summary>
    public RaceReport Races { get; } = new();

    /// <summary>The checker, when there is memory to watch.</summary>
    public static RaceChecker? Watched { get; private set; }

    /// <summary>Memory is mapped that others will share, at the same address.</summary>
    public static void Map(uint address, long length)
    {
        if (s_report is not null && Watched is null && length >= Smallest)
        {
            var checker = Watched = new RaceChecker(address, length);
            AppDomain.CurrentDomain.ProcessExit += (_, _) => checker.Races.Save($"{s_report}.{Environment.ProcessId}");
        }
    }

    /// <summary>A fork: what the parent has done, the child knows.</summary>
    public static void Fork(Process parent, Process child)
    {
        if (Watched is { } checker)
        {
            child.RaceThread = checker.Begin(checker.Of(parent));
        }
    }

    /// <summary>A process ends, on its own thread.</summary>
    public static void Exit(Process process)
    {
        if (Watched is { } checker && process.RaceThread is { } thread)
        {
            process.RaceThread = null;
            t_current = null;
            lock (checker._free)
            {
                checker._clocks[thread.Slot] = thread.Clock[thread.Slot];
                checker._free.Enqueue(thread.Slot);
            }
        }
    }

    /// <summary>The process of this thread sends a signal to another one or ends its wait.</summary>
    public static void Tell(Process target)
    {
        if (Watched is not null && t_current is { } sender && target.RaceThread is { } receiver && sender != receiver)
        {
            receiver.Tell(sender);
        }
    }

    /// <summary>A process looks for signals, or goes on after a wait.</summary>
    public static void Learn(Process process)
    {
        if (Watched is not null)
        {
            process.RaceThread?.Learn();
        }
    }

    /// <summary>Where an address lies in the memory that is watched.</summary>
    public bool TryPlace(long address, out long place)
    {
        place = address - _address;
        return (ulong)place < (ulong)_length;
    }

    /// <summary>Which 8 bytes of which shared memory an atomic instruction is about. Other memory than that which is watched may be at another address in each process.</summary>
    public bool TryPlace(Process process, long address, out (ulong Memory, long Word) where)
    {
        if (TryPlace(address, out long place))
        {
            where = (0, place >> 3);
            return true;
        }

        var mappings = process.AddressSpace.SharedMappings;
        for (int i = 0; i < mappings.Count; i++)
        {
            if ((ulong)(address - mappings[i].Address) < (ulong)mappings[i].Length)
            {
                where = (Of(process).InodeOf(mappings[i]), (address - mappings[i].Address) >> 3);
                return true;
            }
        }

        where = default;
        return false;
    }

    /// <summary>An atomic store or update follows: who acquires later knows what this process has done.</summary>
    public void Release(RaceThread thread, (ulong Memory, long Word) where)
    {
        int[] clock = _synchronised.GetOrAdd(where, static _ => new int[RaceThread.Slots]);
        lock (clock)
        {
            RaceThread.Join(clock, thread.Clock);
        }

        thread.Tick();
    }

    /// <summary>After an atomic load or update.</summary>
    public void Acquire(RaceThread thread, (ulong Memory, long Word) where)
    {
        if (_synchronised.TryGetValue(where, out int[]? clock))
        {
            lock (clock)
            {
                RaceThread.Join(thread.Clock, clock);
            }
        }
    }

    /// <summary>A plain access.</summary>
    public void Access(RaceThread thread, long place, int size, bool isStore, int site)
    {
        int first = Math.Min(size, 8 - (int)(place & 7));
        AccessOne(thread, place, first, isStore, site);
        if (first < size)
        {
            AccessOne(thread, place + first, size - first, isStore, site);
        }
    }

    private void AccessOne(RaceThread thread, long place, int size, bool isStore, int site)
    {
        var now = new Entry
        {
            Clock = thread.Clock[thread.Slot],
            Slot = (byte)thread.Slot,
            Bytes = (byte)(((1 << size) - 1) << (int)(place & 7)),
            IsStore = isStore,
            Site = site,
        };
        var cell = _cells + (place >> 3);
        Entry race = default;
        for (var spin = default(SpinWait); Interlocked.CompareExchange(ref cell->Lock, 1, 0) != 0;)
        {
            spin.SpinOnce();
        }

        var entries = &cell->First;
        int free = -1;
        for (int i = 0; i < Entries; i++)
        {
            ref var old = ref entries[i];
            if (old.Clock == 0)
            {
                free = free < 0 ? i : free;
                continue;
            }

            bool isKnown = old.Slot == now.Slot || thread.Clock[old.Slot] >= old.Clock;
            if (!isKnown && (old.Bytes & now.Bytes) != 0 && (old.IsStore || isStore))
            {
                race = old;
            }

            // An access that this one comes after, and that conflicts with no more than this one does, will find nothing that this one does not find.
            if (isKnown && (old.Bytes & ~now.Bytes) == 0 && (isStore || !old.IsStore))
            {
                old.Clock = 0;
                free = i;
            }
        }

        entries[free >= 0 ? free : (now.Clock + now.Slot) & (Entries - 1)] = now;
        Volatile.Write(ref cell->Lock, 0);
        if (race.Clock != 0)
        {
            Races.Add((race.Site, race.IsStore), (site, isStore), place, size);
        }
    }

    /// <summary>A process, on its own thread.</summary>
    public RaceThread Of(Process process) => t_current = process.RaceThread ??= Begin(null);

    /// <summary>A new process, and whose child it is.</summary>
    public RaceThread Begin(RaceThread? parent)
    {
        lock (_free)
        {
            int slot = _free.Dequeue();
            return new RaceThread(slot, _clocks[slot] + 1, parent);
        }
    }

    [StructLayout(LayoutKind.Sequential, Size = 12)]
    private struct Entry
    {
        public int Clock; // 0: none
        public int Site;
        public byte Slot;
        public byte Bytes;
        public bool IsStore;
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Cell
    {
        public Entry First; // and the others
        private fixed byte _others[(Entries - 1) * 12];
        public int Lock;
    }
}
