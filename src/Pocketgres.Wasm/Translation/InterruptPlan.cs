using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm.Translation;

/// <summary>Where the code of one module looks whether it is to be interrupted, and what may happen there.</summary>
/// <param name="facts">Of the main program.</param>
/// <param name="isSideModule">Whether it is a side module.</param>
internal sealed class InterruptPlan(InterruptFacts facts, bool isSideModule)
{
    /// <summary>The function looks at its entry, because it may fail there.</summary>
    public bool IsErrorPoint(int function) => !isSideModule && facts.ErrorPoints.Contains(function);

    /// <summary>What may happen at the function's entry if it is bounded.</summary>
    public InterruptPlace PlaceIn(int function) =>
        (isSideModule ? facts.FirstLibraryFunction > 0 : function < facts.FirstLibraryFunction) ? InterruptPlace.Program : InterruptPlace.Library;
}
