namespace Pocketgres.Wasm;

/// <summary>
/// An exported function in which a guest exception ends (<c>Pocketgres.Kernel.GuestException</c>, thrown by the host's <c>__cxa_throw</c>): what the
/// handler that the compiler left out would have done. The shadow stack pointer is restored first. Destructors do not run.
/// </summary>
/// <param name="Function">The export's name.</param>
public sealed record FunctionGuard(string Function)
{
    /// <summary>What the function returns then, if it returns anything.</summary>
    public int Result { get; init; }

    /// <summary>An exported function <c>void (int message, int arguments)</c> to call with the exception's message (a printf format) and 0, or null.</summary>
    public string? Reporter { get; init; }

    /// <summary>
    /// Exported functions with the same parameters and result, called one after the other until one returns a pointer that is not null. If none does,
    /// the exception goes on.
    /// </summary>
    public IReadOnlyList<string> Alternatives { get; init; } = [];
}
