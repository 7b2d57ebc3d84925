namespace Pocketgres.Wasm;

/// <summary>
/// What the translator must know of a program to interrupt it where it does not look by itself: at the entries of functions that compare the stack pointer (<see cref="RecursionFacts"/>), and of
/// those that may fail. Indexes are the main program's; side modules get the same facts.
/// </summary>
/// <param name="ErrorPoints">Functions that may fail whenever they are called, so that they may do so instead because the program is interrupted.</param>
/// <param name="FirstLibraryFunction">From this function on the code is that of libraries, which an error in the middle may leave broken.</param>
public sealed record InterruptFacts(IReadOnlySet<int> ErrorPoints, int FirstLibraryFunction)
{
    /// <summary>Nothing is known: errors come nowhere.</summary>
    public static InterruptFacts None { get; } = new(new HashSet<int>(), 0);
}
