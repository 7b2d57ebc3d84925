using Pocketgres.Build.Images;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Publishing;
using Pocketgres.Kernel.Files;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Inputs;

/// <summary>What <c>eng/engine.sh</c> has compiled of PostgreSQL's source: programs, libraries, installed files, ICU's data.</summary>
internal sealed class PostgresInput : EngineInput
{
    private const int FileMode = 0x1A4, ProgramMode = 0x1ED; // 0644, 0755

    private static readonly string[] Installed = ["bin", "icu", "lib", "share"];

    private readonly string _directory;
    private readonly Lazy<ModuleSources> _modules;
    private TranslationOptions? _server;

    /// <summary>Reads the result of a build.</summary>
    /// <param name="directory">The directory that eng/engine.sh printed.</param>
    /// <exception cref="BuildException">It is not complete.</exception>
    public PostgresInput(string directory)
    {
        _directory = directory;
        if (!File.Exists(Path.Combine(directory, ".complete")))
        {
            throw new BuildException($"{directory} is no complete build of PostgreSQL: run eng/engine.sh");
        }

        _modules = new(ReadModules);
    }

    /// <inheritdoc/>
    public override ModuleSources Modules => _modules.Value;

    /// <inheritdoc/>
    public override void AddTo(CacheKey key)
    {
        foreach (var (path, file) in Files())
        {
            key.AddFile(path, file);
        }
    }

    /// <inheritdoc/>
    public override void WriteSupport(string directory)
    {
        var writer = new FileSystemImageWriter();
        var modules = Modules.All.ToDictionary(m => m.Origin, StringComparer.Ordinal);
        foreach (var (path, file) in Files())
        {
            // Of a module its place is enough: programs and libraries are found by their names.
            bool isModule = modules.TryGetValue(file, out var module);
            writer.AddFile("/" + path, isModule ? ProgramMode : FileMode, isModule ? SupportImage.Placeholder(module!) : File.ReadAllBytes(file));
        }

        SupportImage.Save(writer, directory);
    }

    /// <inheritdoc/>
    public override TranslationOptions Server(TranslationOptions options) => _server = options with
    {
        Patches = PostgresPatches.For(options.Module, options.HostFunctions),
        KeepWhole = PostgresPatches.KeepWhole(options.Module),
        Recursion = PostgresPatches.Recursion(options.Module),
        ExportsByIndex = PostgresPatches.StaticFunctions.ToDictionary(n => n, options.Module.FindFunction, StringComparer.Ordinal),
    };

    /// <inheritdoc/>
    public override TranslationOptions Library(ModuleSource library, TranslationOptions options) => options with { Recursion = _server!.Recursion };

    private IEnumerable<(string Path, string File)> Files() =>
        from below in Installed
        where Directory.Exists(Path.Combine(_directory, below))
        from file in Directory.GetFiles(Path.Combine(_directory, below), "*", SearchOption.AllDirectories)
        let path = Path.GetRelativePath(_directory, file)
        orderby path
        select (path, file);

    private ModuleSources ReadModules()
    {
        ModuleSource[] programs = [.. Directory.GetFiles(Path.Combine(_directory, "bin")).Select(f => Read(Path.GetFileName(f), f))];
        return ModuleSources.Create(
            programs.Single(p => p.Name == "postgres"),
            programs.Where(p => p.Name != "postgres"),
            Directory.GetFiles(Path.Combine(_directory, "lib", "postgresql"), "*.so").Select(f => Read(Path.GetFileNameWithoutExtension(f), f)));
    }

    private static ModuleSource Read(string name, string file) => new(name, file, File.ReadAllBytes(file));
}
