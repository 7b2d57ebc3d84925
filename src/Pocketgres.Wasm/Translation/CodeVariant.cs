namespace Pocketgres.Wasm;

/// <summary>How code differs from the usual one, for finding faults of concurrency. Nothing of it is in the code unless it is asked for.</summary>
public sealed record CodeVariant
{
    /// <summary>The usual code.</summary>
    public static CodeVariant None { get; } = new();

    /// <summary>Before and after each atomic instruction but plain loads, and each fence, the code calls the kernel, which lets time pass now and then: for finding races.</summary>
    public bool FuzzSchedules { get; init; }

    /// <summary>
    /// A name of <see cref="AtomicInstructions.All"/>: these instructions are plain accesses, a fence or barrier of this kind nothing, a wait or notify no call. That is wrong, so a test must
    /// notice it; with <see cref="FuzzSchedules"/> the code also lets time pass between such a load and its store.
    /// </summary>
    public string? WithoutAtomic { get; init; }

    /// <summary>The code tells the kernel of each access to memory and each atomic instruction, which finds accesses of several processes that nothing orders.</summary>
    public bool CheckRaces { get; init; }
}
