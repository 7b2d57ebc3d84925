using System.Globalization;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Publishing;

namespace Pocketgres.Build.Reports;

/// <summary>Writes <c>report.txt</c>: what was built from what, and everything a reader may want to know about a module without a debugger.</summary>
internal static class BuildReport
{
    private const int Biggest = 25;
    private const string AtomicInstructions = "Atomic instructions and barriers (instructions, functions, modules, the first five of them)";

    /// <summary>Writes the report.</summary>
    public static void Write(string path, CacheKey key, IReadOnlyList<EngineTranslator.Result> modules)
    {
        using var w = new StreamWriter(path) { NewLine = "\n" };
        Section(w, "Inputs");
        foreach (var (name, value) in key.Parts)
        {
            w.WriteLine($"{name}\t{value}");
        }

        Section(w, "Modules (functions, exports, wasm bytes, IL bytes, inlined calls, unresolved imports)");
        foreach (var m in modules)
        {
            w.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{m.Source.Name}\t{m.Source.AssemblyName}\t{m.Report.Functions}\t{m.Report.ExportedFunctions}\t{m.Report.WasmBytes}\t{m.Report.ILBytes}\t{m.Report.InlinedCalls}\t{m.Report.Unresolved.Count()}"));
        }

        Section(w, "Unresolved imports: the kernel refuses to load a library that has any");
        foreach (var m in modules.Where(m => m.Report.Unresolved.Any()))
        {
            w.WriteLine($"{m.Source.Name}: {string.Join(", ", m.Report.Unresolved.Select(i => i.Name))}");
        }

        Section(w, AtomicInstructions);
        foreach (var kind in modules.SelectMany(m => m.Report.Atomics, (m, a) => (Module: m.Source.Name, Name: a.Key, Count: a.Value)).GroupBy(a => a.Name).OrderByDescending(k => k.Sum(a => a.Count.Instructions)))
        {
            string others = string.Join(' ', kind.Select(a => a.Module).Take(5));
            w.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind.Key}\t{kind.Sum(a => a.Count.Instructions)}\t{kind.Sum(a => a.Count.Functions)}\t{kind.Count()}\t{others}"));
        }

        foreach (var m in modules)
        {
            WriteModule(w, m);
        }
    }

    private static void WriteModule(TextWriter w, EngineTranslator.Result module)
    {
        var report = module.Report;
        Section(w, $"{module.Source.Name} ({module.Source.Origin})");
        if (report.Patches.Count > 0)
        {
            w.WriteLine("patches and how often each matched:");
            foreach (var patch in report.Patches)
            {
                w.WriteLine($"  {patch.Name}\t{patch.Matches}");
            }
        }

        if (report.Outlined.Count > 0)
        {
            w.WriteLine("split functions (IL bytes left, parts):");
            foreach (var f in report.Outlined)
            {
                w.WriteLine($"  {f.Name}\t{f.ILBytes}\t{f.OutlinedParts}");
            }
        }

        w.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"functions that compare the stack pointer with a limit: {report.BoundedThroughTable} that call through the table, and of cycles of direct calls {report.BoundedInCycles.Count}:"));
        foreach (string[] names in report.BoundedInCycles.Chunk(10))
        {
            w.WriteLine("  " + string.Join(' ', names));
        }

        w.WriteLine("biggest functions (wasm bytes, IL bytes, IL instructions, blocks):");
        foreach (var f in report.Largest.Take(Biggest))
        {
            w.WriteLine($"  {f.Name}\t{f.WasmBytes}\t{f.ILBytes}\t{f.Instructions}\t{f.Blocks}");
        }

        w.WriteLine("imports (name, signature, bound to):");
        foreach (var i in report.Imports.OrderBy(i => i.Kind).ThenBy(i => i.Name, StringComparer.Ordinal))
        {
            w.WriteLine($"  {i.Name}\t{(i.Signature.Length > 0 ? i.Signature : "-")}\t{i.Kind}\t{i.Target}");
        }
    }

    private static void Section(TextWriter w, string title) => w.WriteLine($"\n== {title}");
}
