namespace Pocketgres.Wasm;

/// <summary>
/// Functions of a main program that write no memory but the process's own, so that they may run while other processes run: without the kernel's
/// global lock. See <c>docs/several-cores.md</c>.
/// </summary>
/// <remarks>
/// The translator keeps all other code under the lock. A private function that calls one that is not private, or a host function, takes the lock
/// first; a function that is not private and that can be called through the table takes it at its entry; and a function that is not private
/// takes it when a call returns that may have begun a private section.
/// </remarks>
/// <param name="Functions">Indexes of the private functions. All are defined functions without a replacement.</param>
/// <param name="Starters">Those of them that may return without the lock although they were called with it.</param>
/// <param name="IndirectCallers">
/// Functions that are not private and that may call a starter through the table: only after their indirect calls the lock is taken. Null: all; in a side
/// module always all.
/// </param>
/// <param name="Forbidden">Functions that a private function must not call: their callers write shared memory.</param>
public sealed record PrivateCode(IReadOnlySet<int> Functions, IReadOnlySet<int> Starters, IReadOnlySet<int>? IndirectCallers, IReadOnlySet<int> Forbidden)
{
    /// <summary>Everything runs under the lock.</summary>
    public static PrivateCode None { get; } = new(new HashSet<int>(), new HashSet<int>(), null, new HashSet<int>());
}
