using Pocketgres.Build.Images;
using Pocketgres.Build.Inputs;
using Pocketgres.Installation;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Modules;

/// <summary>Translates all modules to IL assemblies and writes each with its manifest and memory image.</summary>
/// <param name="hostFunctions">What imports and patches are bound to.</param>
/// <param name="calls">See <see cref="TranslationOptions.Calls"/>.</param>
/// <param name="inlined">Calls to inline, by the name of the assembly.</param>
/// <param name="variant">See <see cref="TranslationOptions.Variant"/>.</param>
internal sealed class EngineTranslator(HostFunctions hostFunctions, IReadOnlyDictionary<string, long> calls, IReadOnlyDictionary<string, IReadOnlySet<CallSite>> inlined, CodeVariant variant)
{
    /// <summary>A module and what became of it.</summary>
    public sealed record Result(ModuleSource Source, TranslationReport Report, IReadOnlyList<InlineCandidate> Calls);

    /// <summary>Translates into a directory. The server program comes first: the libraries are bound to it.</summary>
    /// <exception cref="BuildException">A module does not fit: a pinned fact, a patch or a binding; the message names it.</exception>
    public IReadOnlyList<Result> TranslateAll(PostgresInput input, string directory)
    {
        var results = new List<Result>();
        var (postgres, main) = TranslatePostgres(input, directory);
        results.Add(postgres);
        results.AddRange(input.Modules.Programs.Select(p => TranslateProgram(p, directory)));

        // Each library's globals lie below the previous one's, so that any of them can be loaded together.
        int top = InstanceLayout.SideGlobalsHigh;
        foreach (var library in input.Modules.Libraries)
        {
            var translated = Translate(library, input.Library(library, OptionsOf(library) with { Main = main, SideGlobalsTop = top }));
            top = translated.Report.SideGlobalsBottom;
            results.Add(Write(library, translated, directory));
        }

        return results;
    }

    private (Result Result, ModuleLinkage Linkage) TranslatePostgres(PostgresInput input, string directory)
    {
        var source = input.Modules.Postgres;
        var translated = Translate(source, Complete(source, () => input.Server(OptionsOf(source) with { Calls = calls, Variant = variant })));
        return (Write(source, translated, directory), translated.Linkage);
    }

    private Result TranslateProgram(ModuleSource source, string directory) => Write(source, Translate(source, OptionsOf(source)), directory);

    private TranslationOptions OptionsOf(ModuleSource source) => new()
    {
        Module = Parse(source),
        AssemblyName = source.AssemblyName,
        Inlined = InlinedIn(source),
        HostFunctions = hostFunctions,
        Variant = variant with { CheckRaces = false }, // libraries and programs leave shared memory to the server
    };

    private static TranslationOptions Complete(ModuleSource source, Func<TranslationOptions> complete)
    {
        try
        {
            return complete();
        }
        catch (TranslationException e)
        {
            throw new BuildException($"{source.Origin}: {e.Message}", e);
        }
    }

    private IReadOnlySet<CallSite> InlinedIn(ModuleSource source) => inlined.GetValueOrDefault(source.AssemblyName) ?? new HashSet<CallSite>();

    private static WasmModule Parse(ModuleSource source)
    {
        try
        {
            return WasmModule.Parse(source.Bytes);
        }
        catch (WasmFormatException e)
        {
            throw new BuildException($"{source.Origin}: {e.Message}", e);
        }
    }

    private static TranslatedModule Translate(ModuleSource source, TranslationOptions options)
    {
        try
        {
            return ModuleTranslator.Translate(options);
        }
        catch (Exception e) when (e is TranslationException or WasmFormatException)
        {
            throw new BuildException($"{source.Origin}: {e.Message}", e);
        }
    }

    private static Result Write(ModuleSource source, TranslatedModule translated, string directory)
    {
        string path = Path.Combine(source.IsTest ? Directory.CreateDirectory(Path.Combine(directory, EngineArtifacts.TestModules)).FullName : directory, source.AssemblyName);
        File.WriteAllBytes(path + ".dll", translated.Assembly);
        using (var manifest = File.Create(path + EngineArtifacts.ManifestExtension))
        {
            translated.SaveManifest(manifest);
        }

        SparseFile.Write(path + EngineArtifacts.MemoryExtension, translated.MemoryImage);
        return new Result(source, translated.Report, translated.Calls);
    }
}
