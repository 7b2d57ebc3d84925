using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm.Translation;

/// <summary>Where the code of one module looks whether it is to be interrupted, and what may happen there.</summary>
/// <param name="facts">Of the main program.</param>
/// <param name="loops">Which loops look.</param>
/// <param name="isSideModule">Whether it is a side module.</param>
internal sealed class InterruptPlan(InterruptFacts facts, LoopPlan loops, bool isSideModule)
{
    private static readonly HashSet<int> None = [];

    /// <summary>The function looks at its entry, because it may fail there.</summary>
    public bool IsErrorPoint(int function) => !isSideModule && facts.ErrorPoints.Contains(function);

    /// <summary>What may happen at the function's entry if it is bounded.</summary>
    public InterruptPlace PlaceIn(int function) =>
        (isSideModule ? facts.FirstLibraryFunction > 0 : function < facts.FirstLibraryFunction) ? InterruptPlace.Program : InterruptPlace.Library;

    /// <summary>
    /// The loops of the function that look at their heads, by the positions behind their opcodes. Not those of the rest of the program, which looks itself where it loops: a look
    /// in each of them costs 5 % of scans and COPY.
    /// </summary>
    public IReadOnlySet<int> LoopsIn(int function) => isSideModule || MayFailInLoops(function) || IsLibrary(function) ? loops.LoopsIn(function) : None;

    /// <summary>What may happen at the heads of the function's loops.</summary>
    public InterruptPlace PlaceInLoops(int function) => MayFailInLoops(function) ? InterruptPlace.Program : InterruptPlace.Library;

    private bool MayFailInLoops(int function) =>
        isSideModule ? facts.FirstLibraryFunction > 0 : facts.FailingLoops.Any(r => function >= r.Start.Value && function < r.End.Value);

    private bool IsLibrary(int function) => !isSideModule && function >= facts.FirstLibraryFunction;
}
