namespace Pocketgres.Kernel;

/// <summary>
/// Marks a static method that runs before a function of the program: <c>static void Name(byte* m)</c>, or with the function's parameters after m. The build
/// finds the function by its name; what the method changes in memory the function sees.
/// </summary>
/// <param name="function">The function's name in C.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EntryHookAttribute(string function) : Attribute
{
    /// <summary>The function's name in C.</summary>
    public string Function { get; } = function;

    /// <summary>Whether the kernel's lock is taken around each call.</summary>
    public KernelLocking Locking { get; init; }
}

/// <summary>Marks a static method that stands in for a function of the program, with its parameters and its result.</summary>
/// <param name="function">The function's name in C.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class FunctionReplacementAttribute(string function) : Attribute
{
    /// <summary>The function's name in C.</summary>
    public string Function { get; } = function;

    /// <summary>Whether the kernel's lock is taken around each call.</summary>
    public KernelLocking Locking { get; init; }
}

/// <summary>
/// Marks a static method that stands in for one function where another calls it. Several of one caller and callee take the calls in code order, in the order
/// of the methods' declaration.
/// </summary>
/// <param name="caller">The calling function's name in C.</param>
/// <param name="callee">The called function's name.</param>
/// <param name="count">How many such calls there are; another number fails the build.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class CallReplacementAttribute(string caller, string callee, int count) : Attribute
{
    /// <summary>The calling function's name in C.</summary>
    public string Caller { get; } = caller;

    /// <summary>The called function's name.</summary>
    public string Callee { get; } = callee;

    /// <summary>How many such calls there are.</summary>
    public int Count { get; } = count;

    /// <summary>Whether the kernel's lock is taken around each call.</summary>
    public KernelLocking Locking { get; init; }
}

/// <summary>
/// Marks a static method <c>static void Name(byte* m)</c> that runs before a function which checks the depth of the stack, if the thread's stack is beyond the
/// program's limit (<see cref="Process.LimitStackDepth"/>).
/// </summary>
/// <param name="function">The function's name in C.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StackDepthCheckAttribute(string function) : Attribute
{
    /// <summary>The function's name in C.</summary>
    public string Function { get; } = function;

    /// <summary>Whether the kernel's lock is taken around each call.</summary>
    public KernelLocking Locking { get; init; }
}
