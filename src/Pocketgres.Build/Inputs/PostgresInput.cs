using System.Text;
using Pocketgres.Build.Extensions;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Publishing;
using Pocketgres.Installation;
using Pocketgres.Installation.Extensions;
using Pocketgres.Kernel.Files;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Inputs;

/// <summary>What <c>eng/engine.sh</c> has compiled of PostgreSQL's source: programs, libraries, installed files, ICU's data.</summary>
internal sealed class PostgresInput
{
    private const int FileMode = 0x1A4, ProgramMode = 0x1ED; // 0644, 0755

    private static readonly string[] Installed = ["bin", "icu", "lib", "share"];

    private static readonly string[] Native = ["initdb", "psql"];

    private readonly string _directory;
    private readonly string[] _extensions;
    private readonly Lazy<ModuleSources> _modules;
    private TranslationOptions? _server;

    /// <summary>Reads the result of a build.</summary>
    /// <param name="directory">The directory that eng/engine.sh printed.</param>
    /// <param name="extensions">The directory in which eng/extension.sh puts a folder for each extension of one's own; null, or not there: none.</param>
    /// <exception cref="BuildException">It is not complete, or two have the same file.</exception>
    public PostgresInput(string directory, string? extensions = null)
    {
        _directory = directory;
        if (!File.Exists(Path.Combine(directory, ".complete")))
        {
            throw new BuildException($"{directory} is no complete build of PostgreSQL: run eng/engine.sh");
        }

        _extensions = Directory.Exists(extensions) ? [.. Directory.GetDirectories(extensions).Order(StringComparer.Ordinal)] : [];
        foreach (var same in Files(Installed).GroupBy(f => f.Path, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            throw new BuildException($"{string.Join(" and ", same.Select(f => f.File))} would be one file: remove one of the folders");
        }

        _modules = new(ReadModules);
    }

    /// <summary>Extensions of one's own.</summary>
    /// <param name="catalog">What this version knows about extensions.</param>
    public ExtensionCatalog OwnExtensions(ExtensionCatalog catalog) => Extensions.OwnExtensions.Read(catalog, _extensions);

    // Made by `eng/engine.sh --first`: without most extensions and programs.
    private bool IsFirst => File.Exists(Path.Combine(_directory, ".first"));

    /// <summary>The modules to translate.</summary>
    public ModuleSources Modules => _modules.Value;

    /// <summary>
    /// Assemblies without native code: that of most programs would be a fifth of the package, to save each start the 0.05 to 0.1 s of processor time in which .NET compiles what it runs.
    /// </summary>
    public IReadOnlySet<string> LeftAsIL => Modules.Programs.Where(p => IsFirst || !Native.Contains(p.Name)).Select(p => p.AssemblyName).ToHashSet(StringComparer.Ordinal);

    /// <summary>Everything that decides what comes out, for the key of the result.</summary>
    public void AddTo(CacheKey key)
    {
        foreach (var (path, file) in Files([.. Installed, EngineArtifacts.TestModules]))
        {
            key.AddFile(path, file);
        }
    }

    /// <summary>Writes the image of installed files, the version, and what extensions of one's own there are.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="catalog">What PostgreSQL's build must agree with.</param>
    /// <exception cref="BuildException">It does not.</exception>
    public void WriteSupport(string directory, ExtensionCatalog catalog)
    {
        string[] later = ExtensionCheck.Check(catalog, _directory, IsFirst);
        if (IsFirst)
        {
            File.WriteAllLines(Path.Combine(directory, EngineArtifacts.Later), later);
        }

        if (_extensions.Length > 0)
        {
            File.WriteAllBytes(Path.Combine(directory, EngineArtifacts.OwnExtensions), OwnExtensions(catalog).ToJson());
        }

        File.WriteAllText(Path.Combine(directory, EngineArtifacts.PostgresVersion), Version() + "\n");
        Save(Files(Installed), directory, later);
        if (Directory.Exists(Path.Combine(_directory, EngineArtifacts.TestModules)))
        {
            Save(Files([EngineArtifacts.TestModules]), Directory.CreateDirectory(Path.Combine(directory, EngineArtifacts.TestModules)).FullName, []);
        }
    }

    private void Save(IEnumerable<(string Path, string File)> files, string directory, IEnumerable<string> later)
    {
        var writer = new FileSystemImageWriter();
        var modules = Modules.All.ToDictionary(m => m.Origin, StringComparer.Ordinal);
        foreach (var (path, file) in files)
        {
            // Of a module its place is enough: programs and libraries are found by their names.
            bool isModule = modules.TryGetValue(file, out var module);
            writer.AddFile("/" + path, isModule ? ProgramMode : FileMode, isModule ? Placeholder(module!) : File.ReadAllBytes(file));
        }

        // PostgreSQL looks for a library's file before it has it loaded, and there it is said what became of it.
        foreach (string name in later)
        {
            writer.AddFile($"/lib/postgresql/{name}.so", ProgramMode, "compiled later\n"u8.ToArray());
        }

        writer.Save(Path.Combine(directory, EngineArtifacts.SupportIndex), Path.Combine(directory, EngineArtifacts.SupportImage));
    }

    /// <summary>Completes the options for the server program.</summary>
    public TranslationOptions Server(TranslationOptions options) => _server = options with
    {
        Patches = PostgresPatches.For(options.Module, options.HostFunctions),
        KeepWhole = PostgresPatches.KeepWhole(options.Module),
        Recursion = PostgresRecursion.For(options.Module),
        Interrupts = PostgresPatches.Interrupts(options.Module),
        ExportsByIndex = PostgresPatches.StaticFunctions.ToDictionary(n => n, options.Module.FindFunction, StringComparer.Ordinal),
    };

    /// <summary>Completes the options for a library; the server program comes before.</summary>
    public TranslationOptions Library(ModuleSource library, TranslationOptions options) =>
        options with { Recursion = _server!.Recursion, Interrupts = _server.Interrupts };

    // Its first line is "PostgreSQL 18.6".
    private string Version() => File.ReadLines(Path.Combine(_directory, "VERSION")).First().Split(' ')[1];

    // What stands in the place of a translated module: PostgreSQL's loader (dfmgr.c) stats a library before dlopen, and the dynamic linker then finds the translation by its name.
    private static byte[] Placeholder(ModuleSource module) => Encoding.UTF8.GetBytes($"translated to {module.AssemblyName}\n");

    private IEnumerable<(string Path, string File)> Files(string[] directories) =>
        from root in _extensions.Prepend(_directory)
        from below in directories
        where Directory.Exists(Path.Combine(root, below))
        from file in Directory.GetFiles(Path.Combine(root, below), "*", SearchOption.AllDirectories)
        let path = Path.GetRelativePath(root, file)
        orderby path
        select (path, file);

    private ModuleSources ReadModules()
    {
        ModuleSource[] programs = [.. Directory.GetFiles(Path.Combine(_directory, "bin")).Select(f => Read(Path.GetFileName(f), f))];
        return ModuleSources.Create(
            programs.Single(p => p.Name == "postgres"),
            programs.Where(p => p.Name != "postgres"),
            _extensions.Prepend(_directory).SelectMany(d => Libraries(Path.Combine(d, "lib", "postgresql")))
                .Concat(Libraries(Path.Combine(_directory, EngineArtifacts.TestModules)).Select(l => l with { IsTest = true })));
    }

    private static IEnumerable<ModuleSource> Libraries(string directory) => Directory.Exists(directory)
        ? Directory.GetFiles(directory, "*.so").Select(f => Read(Path.GetFileNameWithoutExtension(f), f))
        : [];

    private static ModuleSource Read(string name, string file) => new(name, file, File.ReadAllBytes(file));
}
