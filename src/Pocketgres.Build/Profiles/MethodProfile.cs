namespace Pocketgres.Build.Profiles;

/// <summary>What was counted in one method.</summary>
/// <param name="Name">Namespace, type and method, with dots between them.</param>
/// <param name="Counters">In the order of the instrumentation, which is part of their meaning.</param>
internal sealed record MethodProfile(string Name, IReadOnlyList<ProfileCounter> Counters);

/// <summary>One counter of a method: of a basic block, or of an edge between two.</summary>
/// <param name="Kind">What is counted, as the compiler's instrumentation schema numbers it.</param>
/// <param name="Offset">Offset in IL of the block, or of the edge's source.</param>
/// <param name="Other">For an edge, offset in IL of its target.</param>
/// <param name="Value">The count.</param>
internal readonly record struct ProfileCounter(int Kind, int Offset, int Other, long Value)
{
    // From the enumeration PgoInstrumentationKind of .NET's compiler interface: the low four bits are the data's size, the rest says what.
    private const int BlockInt = 0x41, BlockLong = 0x42, EdgeInt = 0x181, EdgeLong = 0x182;

    /// <summary>True for counts of blocks and edges; false for histograms of classes and methods called, which mean nothing outside of their process.</summary>
    public static bool IsCount(int kind) => kind is BlockInt or BlockLong or EdgeInt or EdgeLong;
}
