namespace Pocketgres.Wasm;

/// <summary>A direct call of a defined function. Where it lies does not depend on what is inlined: a call takes as many bytes either way.</summary>
/// <param name="Method">The method that contains it, as .NET's profiles name methods: namespace, type and method with dots between them.</param>
/// <param name="Offset">Of the call in the method's IL.</param>
/// <param name="Callee">Index of the called function.</param>
public readonly record struct CallSite(string Method, int Offset, int Callee);

/// <summary>A call that can be inlined (<see cref="TranslationOptions.Inlined"/>).</summary>
/// <param name="Site">Where it is.</param>
/// <param name="CalleeILBytes">Size of what would be inlined.</param>
public readonly record struct InlineCandidate(CallSite Site, int CalleeILBytes);
