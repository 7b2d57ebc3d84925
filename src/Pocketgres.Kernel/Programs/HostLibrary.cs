namespace Pocketgres.Kernel.Programs;

/// <summary>
/// A shared library whose functions are the host's: dlopen(3) finds it by name, dlsym(3) its functions. For libraries that a program expects and
/// that nobody compiled for it. Immutable.
/// </summary>
/// <param name="Name">Base name of the file, without <c>.so</c>.</param>
/// <param name="Functions">
/// Exported functions: code addresses of static methods <c>R Name(byte* m, ...)</c> with int, long, float and double only, called with the
/// signature that the program expects of the symbol.
/// </param>
public sealed record HostLibrary(string Name, IReadOnlyDictionary<string, nint> Functions);
