using System.Diagnostics;
using Pocketgres.Build.Inputs;
using Pocketgres.Build.Profiles;
using Pocketgres.Build.Publishing;
using Pocketgres.Build.Reports;
using Pocketgres.Installation;
using Pocketgres.Installation.Extensions;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Modules;

/// <summary>Translates all modules into a directory, with their indexes and the report; once more when it is known what is called often, and again with that inlined.</summary>
internal sealed class EngineTranslation(PostgresInput input, HostFunctions hostFunctions, CacheKey key, CodeVariant variant, TextWriter log)
{
    private const string RaceSites = "race-sites.txt"; // eng/races.sh reads it

    private IReadOnlyDictionary<string, long> _calls = new Dictionary<string, long>();
    private IReadOnlyList<EngineTranslator.Result>? _last; // with nothing inlined

    /// <summary>Translates with nothing inlined.</summary>
    /// <exception cref="BuildException">A module does not fit.</exception>
    public void Run(string directory) => _last = Run(directory, new Dictionary<string, IReadOnlySet<CallSite>>());

    /// <summary>Translates again, with nothing inlined, when it is known how often functions are called: those that are called often compare no stack pointers.</summary>
    /// <param name="blocks">How often each basic block of the first translation's methods ran, by the method's name.</param>
    /// <param name="directory">Has the first translation, or nothing yet.</param>
    public void RunSparing(IReadOnlyDictionary<string, MethodProfile> blocks, string directory)
    {
        _calls = blocks.Values.ToDictionary(m => m.Name, m => m.Counters.MinBy(c => c.Offset).Value, StringComparer.Ordinal);
        Run(directory);
    }

    /// <summary>Translates again, with the hot calls inlined. All else is the same as in the translation before, so that its profile fits both.</summary>
    /// <param name="blocks">How often each basic block of that translation's methods ran, by the method's name.</param>
    /// <param name="directory">Has that translation.</param>
    public void RunInlining(IReadOnlyDictionary<string, MethodProfile> blocks, string directory)
    {
        var inlined = _last!.Select(m => (m.Source.AssemblyName, Calls: HotCalls.Choose(m.Calls, blocks))).Where(m => m.Calls.Count > 0)
            .ToDictionary(m => m.AssemblyName, m => m.Calls, StringComparer.Ordinal);
        log.WriteLine($"inlining: {inlined.Sum(m => m.Value.Count):N0} of {_last!.Sum(m => m.Calls.Count):N0} calls");
        Run(directory, inlined);
    }

    private IReadOnlyList<EngineTranslator.Result> Run(string directory, IReadOnlyDictionary<string, IReadOnlySet<CallSite>> inlined)
    {
        var clock = Stopwatch.StartNew();
        var results = new EngineTranslator(hostFunctions, _calls, inlined, variant).TranslateAll(input, directory);
        RequireResolved(results);
        WriteIndex(directory, results.Where(r => !r.Source.IsTest));
        if (results.Any(r => r.Source.IsTest))
        {
            WriteIndex(Path.Combine(directory, EngineArtifacts.TestModules), results.Where(r => r.Source.IsTest));
        }

        if (results[0].Report.RaceSites.Count > 0)
        {
            File.WriteAllLines(Path.Combine(directory, RaceSites), results[0].Report.RaceSites.Select(s => $"{s.Key:x8}\t{s.Value}"));
        }

        BuildReport.Write(Path.Combine(directory, EngineArtifacts.Report), key, results);
        log.WriteLine(
            $"translate: {results.Count} modules, {results.Sum(r => r.Report.Functions):N0} functions, " +
            $"{results.Sum(r => r.Report.ILBytes):N0} bytes of IL, {clock.ElapsedMilliseconds:N0} ms");
        return results;
    }

    // The kernel refuses to load a library that has such an import. In a program it is one of the whole C library's, and fails when it is called.
    private void RequireResolved(IEnumerable<EngineTranslator.Result> modules)
    {
        string[] unresolved = [.. modules.Where(m => input.Modules.Libraries.Contains(m.Source) && m.Report.Unresolved.Any()).Select(m => $"{m.Source.Name} ({string.Join(", ", m.Report.Unresolved.Select(i => i.Name))})")];
        if (unresolved.Length > 0)
        {
            throw new BuildException($"imports that nothing supplies: {string.Join("; ", unresolved)}");
        }
    }

    private void WriteIndex(string directory, IEnumerable<EngineTranslator.Result> modules)
    {
        var catalog = ExtensionCatalog.Load();
        var preloaded = catalog.With(input.OwnExtensions(catalog)).Extensions.Where(e => e.Preload == PreloadNeed.Required).SelectMany(e => e.Libraries).ToHashSet(StringComparer.Ordinal);
        File.WriteAllLines(Path.Combine(directory, EngineArtifacts.ModuleIndex), modules.Select(m =>
            $"{(input.Modules.Programs.Contains(m.Source) ? EngineArtifacts.ProgramPrefix : "")}{m.Source.Name}\t{m.Source.AssemblyName}{(preloaded.Contains(m.Source.Name) ? "\t" + EngineArtifacts.PreloadMark : "")}"));
    }
}
