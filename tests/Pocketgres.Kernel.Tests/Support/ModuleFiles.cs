using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Tests.Support;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>
/// Translates assembled modules into files, as the build does, and loads them. The directory lives as long as the .NET process, because
/// every start of a program maps its data image.
/// </summary>
internal static class ModuleFiles
{
    private static readonly Lazy<HostFunctions> Hosts = new(() =>
        HostFunctions.Load([typeof(PosixKernel).Assembly.Location, typeof(ModuleFiles).Assembly.Location]));

    private static readonly Lazy<string> LazyDirectory = new(() =>
    {
        string path = System.IO.Directory.CreateTempSubdirectory("pocketgres-programs-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => System.IO.Directory.Delete(path, recursive: true);
        return path;
    });

    public static string Directory => LazyDirectory.Value;

    /// <summary>Translates a module and loads it. <paramref name="name"/> must be used once only: it names an assembly of the .NET process.</summary>
    public static (ModuleImage Image, ModuleLinkage Linkage) Translate(WasmBuilder builder, string name, ModuleLinkage? main = null, int? sideGlobalsTop = null, InterruptFacts? interrupts = null)
    {
        interrupts ??= InterruptFacts.None;
        var options = new TranslationOptions { Module = builder.Parse(), AssemblyName = name, HostFunctions = Hosts.Value, Main = main, Interrupts = interrupts };
        if (sideGlobalsTop is { } top)
        {
            options = new TranslationOptions
            {
                Module = options.Module,
                AssemblyName = name,
                HostFunctions = Hosts.Value,
                Main = main,
                SideGlobalsTop = top,
                Interrupts = interrupts,
            };
        }

        return Translate(options);
    }

    private static (ModuleImage Image, ModuleLinkage Linkage) Translate(TranslationOptions options)
    {
        var translated = ModuleTranslator.Translate(options);
        string name = options.AssemblyName;
        string path = Path.Combine(Directory, name);
        File.WriteAllBytes(path + ".dll", translated.Assembly);
        File.WriteAllBytes(path + ".mem", translated.MemoryImage);
        using (var manifest = File.Create(path + ".manifest"))
        {
            translated.SaveManifest(manifest);
        }

        return (ModuleImage.Load(Directory, name), translated.Linkage);
    }
}
