using System.Reflection;
using System.Text;
using Pocketgres.Build.Extensions;
using Pocketgres.Build.Inputs;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Package;
using Pocketgres.Kernel;
using Pocketgres.Pglite;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Tests;

/// <summary>The real npm package, from the build's cache (downloaded if it is not there), and its translation with fake host functions.</summary>
public sealed class PglitePackageFixture : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public PglitePackageFixture()
    {
        string cache = typeof(PglitePackageFixture).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "DownloadDirectory").Value!;
        Package = PackageFetcher.FetchAll(cache, TextWriter.Null);
        Index = DataIndex.Parse(Encoding.UTF8.GetString(Package[PglitePackage.DataIndexScript]), Package[PglitePackage.Data].Length);
        Sources = ModuleSources.From(Package, Index, ExtensionBundles.Read(Package));
        Results = new EngineTranslator(AllHostFunctions).TranslateAll(Input(Sources), directory.Path);
    }

    internal static HostFunctions KernelHostFunctions => HostFunctions.Load([typeof(HostFunctionAttribute).Assembly.Location]);

    internal static HostFunctions AllHostFunctions =>
        HostFunctions.Load([typeof(HostFunctionAttribute).Assembly.Location, typeof(FakePostgresHost).Assembly.Location]);

    /// <summary>The packages with other modules.</summary>
    internal PgliteInput Input(ModuleSources modules) => new(Package, () => throw new InvalidOperationException("no images here"), modules);

    internal PackageFiles Package { get; }

    internal IReadOnlyList<DataIndex.Entry> Index { get; }

    internal ModuleSources Sources { get; }

    internal IReadOnlyList<EngineTranslator.Result> Results { get; }

    internal string Output => directory.Path;

    public void Dispose() => directory.Dispose();
}
