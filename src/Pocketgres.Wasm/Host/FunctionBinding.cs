namespace Pocketgres.Wasm;

/// <summary>How a host function is bound to a function of the program.</summary>
public enum FunctionBindingKind
{
    /// <summary>It runs before the function.</summary>
    EntryHook,

    /// <summary>It stands in for the function.</summary>
    Replacement,

    /// <summary>It stands in for the function where another one calls it.</summary>
    CallReplacement,

    /// <summary>It runs before the function when the thread's stack is beyond the program's limit.</summary>
    StackDepthCheck,
}

/// <summary>A mark that binds a host function to a function of the program by its name.</summary>
/// <param name="Kind">How.</param>
/// <param name="Function">Name of the function; of a <see cref="FunctionBindingKind.CallReplacement"/> the caller.</param>
/// <param name="Callee">Name of the called function, or null.</param>
/// <param name="Count">How many calls must match.</param>
public sealed record FunctionBinding(FunctionBindingKind Kind, string Function, string? Callee = null, int Count = 1)
{
    /// <summary>The name under which a patch finds the host function.</summary>
    public string HostName(string method) => $"{Kind} {Function}{(Callee is null ? "" : " of " + Callee)} by {method}";
}
