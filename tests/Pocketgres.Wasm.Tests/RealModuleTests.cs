namespace Pocketgres.Wasm.Tests;

/// <summary>Runs only where PGLITE_DIST names the unpacked dist folder of the PGlite package; the build covers it everywhere.</summary>
public class RealModuleTests
{
    [RealModuleFact]
    public void PgliteAndInitdbTranslate()
    {
        foreach (string name in (string[])["pglite", "initdb"])
        {
            var module = WasmModule.Parse(File.ReadAllBytes(Path.Combine(RealModuleFactAttribute.Dist!, name + ".wasm")));
            var translated = ModuleTranslator.Translate(new TranslationOptions { Module = module, AssemblyName = name });
            Assert.Equal(module.DefinedFunctionCount, translated.Report.Functions);
            Assert.False(module.IsSideModule);
            Assert.Empty(translated.Manifest.Got);
            Assert.True(translated.Manifest.TableEnd > 0);
        }
    }
}

public sealed class RealModuleFactAttribute : FactAttribute
{
    public RealModuleFactAttribute()
    {
        if (string.IsNullOrEmpty(Dist))
        {
            Skip = "set PGLITE_DIST to run";
        }
    }

    public static string? Dist => Environment.GetEnvironmentVariable("PGLITE_DIST");
}
