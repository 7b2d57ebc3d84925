using Pocketgres.Pglite.Patches;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Build.Modules;

/// <summary>
/// Compares the pinned numbers of <c>Pocketgres.Pglite</c> with the module's own export section, wherever that names the same thing. Function
/// bodies are compared by the translator, through the fingerprints of the patches.
/// </summary>
internal static class PinnedFacts
{
    /// <summary>Compares function indexes.</summary>
    /// <exception cref="BuildException">Names every function that moved.</exception>
    public static void CheckFunctions(WasmModule module) => Report(
        from f in PgliteNames.ExportedFunctions
        let actual = module.FindExport(f.Export)
        where actual != f.Index
        select actual < 0
            ? $"function {f.Export} is no longer exported (PgliteFunctions.{f.Constant} = {f.Index})"
            : $"function {f.Export} is {actual}, but PgliteFunctions.{f.Constant} = {f.Index}");

    /// <summary>Compares addresses of variables. Variables that the module does not export cannot be compared.</summary>
    /// <exception cref="BuildException">Names every variable that moved.</exception>
    public static void CheckVariables(ModuleManifest manifest) => Report(
        from v in PgliteNames.Variables
        let export = PgliteNames.VariableExports.GetValueOrDefault(v.Name) ?? v.Name
        where manifest.Variables.TryGetValue(export, out int actual) && actual != v.Address
        select $"variable {export} is at {manifest.Variables[export]}, but PgliteAddresses.{v.Name} = {v.Address}");

    private static void Report(IEnumerable<string> mismatches)
    {
        string[] lines = [.. mismatches];
        if (lines.Length > 0)
        {
            throw new BuildException("pglite.wasm is not the version that Pocketgres.Pglite describes: " + string.Join("; ", lines));
        }
    }
}
