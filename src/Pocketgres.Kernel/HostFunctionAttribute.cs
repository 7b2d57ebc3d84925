namespace Pocketgres.Kernel;

/// <summary>
/// Marks a static method that translated code may call: <c>static R Name(byte* m, ...)</c> with int, long, float and double only.
/// The build reads these marks from the compiled assemblies and binds imports (and patched functions) to them by name.
/// </summary>
/// <param name="name">The import's name, for example <c>__syscall_openat</c>.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class HostFunctionAttribute(string name) : Attribute
{
    /// <summary>The import's name.</summary>
    public string Name { get; } = name;

    /// <summary>
    /// The method is for programs of 64-bit addresses only, where something beyond the width of addresses differs; others of this name are not used for them.
    /// Without it a method serves all programs: it takes addresses and sizes as int, and what translated code of 64 bits passes is cut.
    /// </summary>
    public bool Memory64 { get; init; }

    /// <summary>Whether the kernel's lock is taken around each call.</summary>
    public KernelLocking Locking { get; init; }
}
