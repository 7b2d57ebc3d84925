namespace Pocketgres.Wasm;

/// <summary>A managed method that translated code may call, found by its <c>[HostFunction]</c> mark.</summary>
/// <param name="Name">The import's name, for example <c>__syscall_openat</c>.</param>
/// <param name="AssemblyName">Simple name of the assembly that declares it.</param>
/// <param name="AssemblyVersion">Version of that assembly.</param>
/// <param name="Namespace">Namespace of the (outermost) declaring type.</param>
/// <param name="TypeName">The declaring type; nested types are separated by <c>+</c>.</param>
/// <param name="Method">The method's name.</param>
/// <param name="Signature">Result (v, i, j, f, d), then the parameters that follow <c>byte* m</c>.</param>
/// <param name="IsMemory64">It is for programs of 64-bit addresses only.</param>
/// <param name="IsLocked">The kernel's lock is taken around each call.</param>
/// <param name="Binding">Null for an import; otherwise which function of the program it is bound to.</param>
public sealed record HostFunction(
    string Name, string AssemblyName, Version AssemblyVersion, string Namespace, string TypeName, string Method, string Signature, bool IsMemory64 = false,
    bool IsLocked = false, FunctionBinding? Binding = null)
{
    /// <summary>The method's full name, for messages.</summary>
    public string FullName => (Namespace.Length > 0 ? Namespace + "." : "") + TypeName + "." + Method;
}
