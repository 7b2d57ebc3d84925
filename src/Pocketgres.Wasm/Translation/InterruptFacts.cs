namespace Pocketgres.Wasm;

/// <summary>
/// What the translator must know of a program to interrupt it where it does not look by itself: at the entries of functions that compare the stack pointer (<see cref="RecursionFacts"/>), of
/// those that may fail, and at the heads of loops that may take long, in some functions. Indexes are the main program's; side modules get the same facts.
/// </summary>
/// <param name="ErrorPoints">Functions that may fail whenever they are called, so that they may do so instead because the program is interrupted.</param>
/// <param name="Answers">Functions by which the program looks itself.</param>
/// <param name="FailingLoops">Ranges of functions that change nothing but what an error gives up, so that they may fail in any iteration of a loop.</param>
/// <param name="FirstLibraryFunction">From this function on the code is that of libraries, which an error in the middle may leave broken.</param>
public sealed record InterruptFacts(IReadOnlySet<int> ErrorPoints, IReadOnlySet<int> Answers, IReadOnlyList<Range> FailingLoops, int FirstLibraryFunction)
{
    /// <summary>Nothing is known: errors come nowhere.</summary>
    public static InterruptFacts None { get; } = new(new HashSet<int>(), new HashSet<int>(), [], 0);
}
