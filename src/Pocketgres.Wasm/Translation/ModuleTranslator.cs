using Pocketgres.Wasm.Translation;

namespace Pocketgres.Wasm;

/// <summary>Translates a WebAssembly module to a .NET assembly.</summary>
/// <remarks>
/// Each function becomes one static method <c>(byte* m, parameters...)</c> of a type <c>F0</c>, <c>F1</c>, ... (1,000 each) in the
/// namespace named like the assembly; a defined function's MethodDef row is its index minus the number of imports, plus one.
/// Functions with calls that are to be inlined have a second method in <c>Inlined</c>, of the same name and with the same IL.
/// <c>Init.T0..Tn(byte* firstSlot)</c> fill the function table. The same input gives the same bytes.
/// </remarks>
public static class ModuleTranslator
{
    /// <summary>Name of the type with the second methods of functions.</summary>
    public const string InlinedType = "Inlined";

    /// <summary>Translates a module.</summary>
    /// <exception cref="WasmFormatException">A function body is invalid or uses an unsupported feature.</exception>
    /// <exception cref="PatchException">A patch or fingerprint does not match.</exception>
    /// <exception cref="TranslationException">A binding or a limit does not fit.</exception>
    public static TranslatedModule Translate(TranslationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new ModuleTranslation(options).Run();
    }
}
