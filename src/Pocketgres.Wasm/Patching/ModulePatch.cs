namespace Pocketgres.Wasm;

/// <summary>
/// One named change of (or statement about) one function of a module. Translation fails with the patch's name when what it expects
/// is not there: the module is then another version than the one the patch was written for.
/// </summary>
/// <param name="Name">Name for messages, for example "PostmasterMain: waitpid".</param>
/// <param name="Function">Index of the defined function that is changed.</param>
public abstract record ModulePatch(string Name, int Function)
{
    /// <summary>How often the pattern must match in the function.</summary>
    internal abstract int ExpectedMatches { get; }
}

/// <summary>Replaces a whole function by a host function of the same signature.</summary>
/// <param name="Name"><inheritdoc/></param>
/// <param name="Function"><inheritdoc/></param>
/// <param name="HostFunction">Name of the host function.</param>
public sealed record FunctionReplacement(string Name, int Function, string HostFunction) : ModulePatch(Name, Function)
{
    internal override int ExpectedMatches => 1;
}

/// <summary>Calls a host function before the function's own code: of signature <c>v</c>, or with <see cref="PassArguments"/> v and the function's parameters.</summary>
/// <param name="Name"><inheritdoc/></param>
/// <param name="Function"><inheritdoc/></param>
/// <param name="HostFunction">Name of the host function.</param>
public sealed record EntryHook(string Name, int Function, string HostFunction) : ModulePatch(Name, Function)
{
    /// <summary>The host function gets the function's arguments.</summary>
    public bool PassArguments { get; init; }

    internal override int ExpectedMatches => 1;
}

/// <summary>
/// Lets a function that checks the depth of the shadow stack check that of the thread's stack, too: when it is beyond the program's limit, calls a host function of signature
/// <c>v</c> or returns a constant, before the function's own code.
/// </summary>
/// <param name="Name"><inheritdoc/></param>
/// <param name="Function"><inheritdoc/></param>
public sealed record StackDepthCheck(string Name, int Function) : ModulePatch(Name, Function)
{
    /// <summary>Name of the host function. Either this or <see cref="Result"/> is set.</summary>
    public string? HostFunction { get; init; }

    /// <summary>What the function returns.</summary>
    public int? Result { get; init; }

    internal override int ExpectedMatches => 1;
}

/// <summary>
/// Turns calls of one function, inside another, into calls of a host function. With several such patches the calls go to them in code order, to each as
/// many as its <paramref name="Count"/>.
/// </summary>
/// <param name="Name"><inheritdoc/></param>
/// <param name="Function">The caller.</param>
/// <param name="Callee">The function whose calls are replaced.</param>
/// <param name="HostFunction">Name of the host function; it has the callee's signature.</param>
/// <param name="Count">How many call sites must match.</param>
public sealed record CallReplacement(string Name, int Function, int Callee, string HostFunction, int Count) : ModulePatch(Name, Function)
{
    internal override int ExpectedMatches => Count;
}

/// <summary>
/// Makes a function that never leaves one of its loops resumable: at the loop's head it leaves its locals and the shadow stack pointer below
/// linear memory, and a later call, in a copy of that memory, can go on there. What the loop's body had called is forgotten.
/// </summary>
/// <param name="Name"><inheritdoc/></param>
/// <param name="Function"><inheritdoc/></param>
/// <param name="Loop">Which <c>loop</c> instruction of the function, in code order from 0.</param>
public sealed record ResumableLoop(string Name, int Function, int Loop) : ModulePatch(Name, Function)
{
    internal override int ExpectedMatches => 1;
}
