namespace Pocketgres.Wasm;

/// <summary>Translates a WebAssembly module to a .NET assembly.</summary>
public static class ModuleTranslator
{
    /// <summary>Translates a module.</summary>
    /// <exception cref="WasmFormatException">A function body is invalid or uses an unsupported feature.</exception>
    /// <exception cref="PatchException">A patch or fingerprint does not match.</exception>
    /// <exception cref="TranslationException">A binding or a limit does not fit.</exception>
    public static TranslatedModule Translate(TranslationOptions options) => throw new NotImplementedException();
}
