using System.Text;
using Pocketgres.Build.Extensions;
using Pocketgres.Build.Images;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Package;
using Pocketgres.Build.Publishing;
using Pocketgres.Pglite;
using Pocketgres.Pglite.Patches;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Build.Inputs;

/// <summary>The npm package <c>@electric-sql/pglite</c> and its extensions' packages.</summary>
internal sealed class PgliteInput : EngineInput
{
    private readonly PackageFiles _package;
    private readonly IReadOnlyList<DataIndex.Entry> _index;
    private readonly Func<IReadOnlyDictionary<string, byte[]>> _icu;
    private readonly Lazy<ModuleSources> _modules;

    /// <summary>Uses verified packages.</summary>
    /// <param name="package">Their files.</param>
    /// <param name="icu">Gets ICU's locale data, by path below its directory.</param>
    /// <param name="modules">The modules to translate; null for those of the packages.</param>
    public PgliteInput(PackageFiles package, Func<IReadOnlyDictionary<string, byte[]>> icu, ModuleSources? modules = null)
    {
        _package = package;
        _icu = icu;
        _index = DataIndex.Parse(Encoding.UTF8.GetString(_package[PglitePackage.DataIndexScript]), _package[PglitePackage.Data].Length);
        if (_index.Count != PglitePackage.DataFileCount)
        {
            throw new BuildException($"pglite.js lists {_index.Count} files, expected {PglitePackage.DataFileCount}");
        }

        _modules = new(() => modules ?? ModuleSources.From(_package, _index, ExtensionBundles.Read(_package)));
    }

    /// <summary>Downloads and verifies the packages.</summary>
    public static PgliteInput Fetch(string downloads, TextWriter log) => new(PackageFetcher.FetchAll(downloads, log), () => new IcuData(downloads, log).Fetch());

    /// <inheritdoc/>
    public override ModuleSources Modules => _modules.Value;

    /// <inheritdoc/>
    public override void AddTo(CacheKey key)
    {
        foreach (var (name, sha256) in NpmPackage.Extensions.Prepend(NpmPackage.Pglite).SelectMany(p => p.Sha256).OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            key.Add(name, sha256);
        }
    }

    /// <inheritdoc/>
    public override void WriteSupport(string directory) =>
        SupportImage.Write(directory, _package[PglitePackage.Data], _index, ExtensionBundles.Read(_package), _icu());

    /// <inheritdoc/>
    public override TranslationOptions Server(TranslationOptions options)
    {
        PinnedFacts.CheckFunctions(options.Module);
        return options with
        {
            Patches = PglitePatches.ForPostgres(),
            KeepWhole = PglitePatches.KeepWhole,
            PrivateCode = PglitePrivateCode.ForPostgres(),
            Recursion = PgliteRecursion.Facts,
            ExportsByIndex = PgliteHiddenExports.ByName,
            VariablesByAddress = PgliteHiddenExports.Variables,
        };
    }

    /// <inheritdoc/>
    public override TranslationOptions Library(ModuleSource library, TranslationOptions options) => options with
    {
        HostBeforeMain = PgliteStandIns.Names,
        PrivateCode = PglitePrivateCode.ForPostgres(),
        Recursion = PgliteRecursion.Facts,
        Guards = PostgisLibraries.Contains(library.Name) ? PostgisLibraries.Guards(options.Module) : [],
        RefusedImports = PostgisLibraries.Contains(library.Name) ? PostgisLibraries.IsRefused : _ => false,
    };

    /// <inheritdoc/>
    public override void CheckServer(ModuleManifest manifest) => PinnedFacts.CheckVariables(manifest);
}
