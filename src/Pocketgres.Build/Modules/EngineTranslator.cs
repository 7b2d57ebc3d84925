using Pocketgres.Build.Images;
using Pocketgres.Pglite;
using Pocketgres.Pglite.Patches;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Build.Modules;

/// <summary>Translates all modules to IL assemblies and writes each with its manifest and memory image.</summary>
/// <param name="hostFunctions">What imports and patches are bound to.</param>
/// <param name="inlined">Calls to inline, by the name of the assembly.</param>
internal sealed class EngineTranslator(HostFunctions hostFunctions, IReadOnlyDictionary<string, IReadOnlySet<CallSite>> inlined)
{
    /// <summary>A module and what became of it.</summary>
    public sealed record Result(ModuleSource Source, TranslationReport Report, IReadOnlyList<InlineCandidate> Calls);

    /// <summary>Translates with nothing inlined.</summary>
    public EngineTranslator(HostFunctions hostFunctions)
        : this(hostFunctions, new Dictionary<string, IReadOnlySet<CallSite>>())
    {
    }

    /// <summary>Translates into a directory. The server program comes first: the libraries are bound to it.</summary>
    /// <exception cref="BuildException">A module does not fit: a pinned fact, a patch or a binding; the message names it.</exception>
    public IReadOnlyList<Result> TranslateAll(ModuleSources sources, string directory)
    {
        var results = new List<Result>();
        var (postgres, main) = TranslatePostgres(sources.Postgres, directory);
        results.Add(postgres);
        results.Add(TranslateProgram(sources.Initdb, directory));

        // Each library's globals lie below the previous one's, so that any of them can be loaded together.
        int top = InstanceLayout.SideGlobalsHigh;
        foreach (var library in sources.Libraries)
        {
            var module = Parse(library);
            var translated = Translate(library, new TranslationOptions
            {
                Module = module,
                AssemblyName = library.AssemblyName,
                Inlined = InlinedIn(library),
                HostFunctions = hostFunctions,
                Main = main,
                HostBeforeMain = PgliteStandIns.Names,
                SideGlobalsTop = top,
                PrivateCode = PglitePrivateCode.ForPostgres(),
                Recursion = PgliteRecursion.Facts,
                Guards = PostgisLibraries.Contains(library.Name) ? PostgisLibraries.Guards(module) : [],
                RefusedImports = PostgisLibraries.Contains(library.Name) ? PostgisLibraries.IsRefused : _ => false,
            });
            top = translated.Report.SideGlobalsBottom;
            results.Add(Write(library, translated, directory));
        }

        return results;
    }

    private (Result Result, ModuleLinkage Linkage) TranslatePostgres(ModuleSource source, string directory)
    {
        var module = Parse(source);
        PinnedFacts.CheckFunctions(module);
        var translated = Translate(source, new TranslationOptions
        {
            Module = module,
            AssemblyName = source.AssemblyName,
            Inlined = InlinedIn(source),
            HostFunctions = hostFunctions,
            Patches = PglitePatches.ForPostgres(),
            KeepWhole = PglitePatches.KeepWhole,
            PrivateCode = PglitePrivateCode.ForPostgres(),
            Recursion = PgliteRecursion.Facts,
            ExportsByIndex = PgliteHiddenExports.ByName,
            VariablesByAddress = PgliteHiddenExports.Variables,
        });
        PinnedFacts.CheckVariables(ReadManifest(translated));
        return (Write(source, translated, directory), translated.Linkage);
    }

    private Result TranslateProgram(ModuleSource source, string directory)
    {
        var translated = Translate(source, new TranslationOptions
        {
            Module = Parse(source),
            AssemblyName = source.AssemblyName,
            Inlined = InlinedIn(source),
            HostFunctions = hostFunctions,
        });
        return Write(source, translated, directory);
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
        if (source.AddOn is { } addOn)
        {
            directory = Directory.CreateDirectory(Path.Combine(directory, addOn)).FullName;
        }

        string path = Path.Combine(directory, source.AssemblyName);
        File.WriteAllBytes(path + ".dll", translated.Assembly);
        using (var manifest = File.Create(path + EngineArtifacts.ManifestExtension))
        {
            translated.SaveManifest(manifest);
        }

        SparseFile.Write(path + EngineArtifacts.MemoryExtension, translated.MemoryImage);
        return new Result(source, translated.Report, translated.Calls);
    }

    private static ModuleManifest ReadManifest(TranslatedModule translated)
    {
        using var stream = new MemoryStream();
        translated.SaveManifest(stream);
        stream.Position = 0;
        return ModuleManifest.Load(stream);
    }
}
