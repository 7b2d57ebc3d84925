using Pocketgres.Engine.Data;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port;

/// <summary>Functions of the C library.</summary>
public static unsafe class MemoryCalls
{
    /// <summary>memcmp(3).</summary>
    [HostFunction("postgres.memcmp")]
    public static int Compare(byte* m, int a, int b, int count) => MemoryComparison.Compare(m + (uint)a, m + (uint)b, (uint)count);
}
