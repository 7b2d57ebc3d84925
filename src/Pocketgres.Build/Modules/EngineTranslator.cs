using Pocketgres.Build.Images;
using Pocketgres.Pglite;
using Pocketgres.Pglite.Patches;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Build.Modules;

/// <summary>Translates all modules to IL assemblies and writes each with its manifest and memory image.</summary>
internal sealed class EngineTranslator(HostFunctions hostFunctions)
{
    /// <summary>A module and what became of it.</summary>
    public sealed record Result(ModuleSource Source, TranslationReport Report);

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
                HostFunctions = hostFunctions,
                Main = main,
                HostBeforeMain = PgliteStandIns.Names,
                SideGlobalsTop = top,
                PrivateCode = PglitePrivateCode.ForPostgres(),
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
            HostFunctions = hostFunctions,
            Patches = PglitePatches.ForPostgres(),
            KeepWhole = PglitePatches.KeepWhole,
            PrivateCode = PglitePrivateCode.ForPostgres(),
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
            HostFunctions = hostFunctions,
        });
        return Write(source, translated, directory);
    }

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
        return new Result(source, translated.Report);
    }

    private static ModuleManifest ReadManifest(TranslatedModule translated)
    {
        using var stream = new MemoryStream();
        translated.SaveManifest(stream);
        stream.Position = 0;
        return ModuleManifest.Load(stream);
    }
}
