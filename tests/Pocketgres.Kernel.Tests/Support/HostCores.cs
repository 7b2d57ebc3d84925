using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>The host's processors.</summary>
internal static class HostCores
{
    /// <summary>Those that this process may use: not always the first ones.</summary>
    public static IReadOnlyList<int> Allowed { get; } = [.. Enumerable.Range(0, CpuSet.Capacity).Where(CpuSet.OfHostProcess().Contains)];
}
