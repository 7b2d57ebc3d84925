namespace Pocketgres.Wasm;

/// <summary>
/// What the translator must know of a program to bound its recursion. It adds a comparison of the thread's stack pointer with a limit to functions that together lie on
/// every cycle of the call graph, except where the program looks at its stack by itself.
/// </summary>
/// <param name="Checks">
/// Functions of the main program that compare the stack's depth with the program's own limit (<see cref="StackDepthCheck"/>): what is called after such a call needs no
/// other check. A side module gets its main program's.
/// </param>
/// <param name="Dispatchers">
/// Functions of the main program whose indirect calls reach certain functions only. Without an entry an indirect call may reach anything, other modules included. They are
/// here because they are hot: where a cycle has other functions, one of those gets the comparison.
/// </param>
/// <param name="Callees">
/// Functions of the main program that certain functions call through the table, and nobody else: those callers, by function. None where whoever calls it has checked the
/// stack's depth before, so that it counts as called by nobody.
/// </param>
/// <param name="Roots">Functions of the main program that always compare the stack pointer, because they begin what <paramref name="Callees"/> says is checked.</param>
public sealed record RecursionFacts(
    IReadOnlySet<int> Checks, IReadOnlyDictionary<int, IReadOnlyList<int>> Dispatchers, IReadOnlyDictionary<int, IReadOnlyList<int>> Callees, IReadOnlySet<int> Roots)
{
    /// <summary>Nothing is known.</summary>
    public static RecursionFacts None { get; } =
        new(new HashSet<int>(), new Dictionary<int, IReadOnlyList<int>>(), new Dictionary<int, IReadOnlyList<int>>(), new HashSet<int>());
}
