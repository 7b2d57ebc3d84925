namespace Pocketgres.Kernel.Programs;

/// <summary>
/// Functions and variables of the host that shared libraries refer to by address (through their global offset table). Immutable; what it makes in a
/// process's memory is inherited by the process's children.
/// </summary>
public interface IHostSymbols
{
    /// <summary>Whether there is a function of this name.</summary>
    /// <param name="name">The symbol.</param>
    /// <param name="code">Address of its code, to be called with the signature that the libraries expect.</param>
    bool TryGetFunction(string name, out nint code);

    /// <summary>Whether there is a variable of this name.</summary>
    bool DefinesVariable(string name);

    /// <summary>
    /// Makes the variables in a process's memory; called once in a process, or in an ancestor it was forked from, before the first library that
    /// refers to one is loaded.
    /// </summary>
    /// <param name="process">The process.</param>
    /// <param name="functionPointer">The C function pointer of a code address.</param>
    /// <returns>The address of every variable.</returns>
    IReadOnlyDictionary<string, int> MakeVariables(Process process, Func<nint, int> functionPointer);
}
