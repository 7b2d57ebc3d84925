using System.Numerics;
using System.Runtime.CompilerServices;

namespace Pocketgres.Kernel.Native;

/// <summary>A set of the host's processors, as sched_setaffinity(2) has it: cpu_set_t of the C library, 1024 bits.</summary>
[InlineArray(Words)]
internal unsafe struct CpuSet
{
    /// <summary>How many processors it has room for.</summary>
    public const int Capacity = Words * 64;

    private const int Words = 16;

    private ulong _word;

    /// <summary>How many processors.</summary>
    public readonly int Count
    {
        get
        {
            int count = 0;
            for (int i = 0; i < Words; i++)
            {
                count += BitOperations.PopCount(this[i]);
            }

            return count;
        }
    }

    /// <summary>Just this one.</summary>
    public static CpuSet Single(int processor)
    {
        var set = default(CpuSet);
        set[processor / 64] = 1UL << (processor % 64);
        return set;
    }

    /// <summary>Whether a processor is among them.</summary>
    public readonly bool Contains(int processor) => (uint)processor < Capacity && ((this[processor / 64] >> (processor % 64)) & 1) != 0;

    /// <summary>All of these but one.</summary>
    public readonly CpuSet Except(int processor)
    {
        var set = this;
        set[processor / 64] &= ~(1UL << (processor % 64));
        return set;
    }

    /// <summary>Those that the .NET process may use (its first thread's); empty when the host does not say, or has more than 1024.</summary>
    public static CpuSet OfHostProcess()
    {
        CpuSet set = default;
        return Libc.sched_getaffinity(Environment.ProcessId, sizeof(CpuSet), &set) < 0 ? default : set;
    }

    /// <summary>Lets the calling thread run on these alone; false when the host refuses.</summary>
    public static bool Apply(CpuSet set) => Libc.sched_setaffinity(0, sizeof(CpuSet), &set) == 0;
}
