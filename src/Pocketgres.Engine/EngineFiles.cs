using System.Collections.Concurrent;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Programs;
using Pocketgres.Installation;

namespace Pocketgres.Engine;

/// <summary>
/// The build's products on disk: translated modules, the support files, the template of a data directory.
/// Loaded code and images are immutable, so one object serves every cluster of the .NET process.
/// </summary>
public sealed class EngineFiles
{
    private static readonly Lazy<EngineFiles> s_default = new(Locate);

    private readonly ConcurrentDictionary<string, Lazy<ModuleImage>> _modules = new(StringComparer.Ordinal);
    private readonly Lazy<Dictionary<string, IndexEntry>> _index;
    private readonly Lazy<FileSystemImage> _support;
    private readonly Lazy<FileSystemImage?> _testSupport;
    private readonly Lazy<string> _version;
    private readonly Lazy<HashSet<string>> _later;
    private readonly Lazy<FileSystemImage> _template;
    private readonly Lazy<Data.ControlFile> _templateControl;
    private readonly Lazy<Pg.EnginePrograms> _programs;

    /// <summary>Uses the engine files in a directory.</summary>
    /// <param name="directory">Directory with the translated modules and images.</param>
    public EngineFiles(string directory)
    {
        Directory = directory;
        string tests = Path.Combine(directory, EngineArtifacts.TestModules);
        _index = new(() => ReadIndex(directory).Concat(ReadIndex(tests)).ToDictionary(e => e.Name, StringComparer.Ordinal));
        _support = new(() => OpenImage(directory, EngineArtifacts.SupportIndex, EngineArtifacts.SupportImage));
        _testSupport = new(() => System.IO.Directory.Exists(tests) ? OpenImage(tests, EngineArtifacts.SupportIndex, EngineArtifacts.SupportImage) : null);
        _version = new(() => File.ReadAllText(Path.Combine(directory, EngineArtifacts.PostgresVersion)).Trim());
        _later = new(() => ReadLater(Path.Combine(directory, EngineArtifacts.Later)));
        _template = new(() => OpenImage(directory, EngineArtifacts.TemplateIndex, EngineArtifacts.TemplateImage));
        _templateControl = new(ReadTemplateControl);
        _programs = new(() => new Pg.EnginePrograms(this));
    }

    /// <summary>The engine files that belong to the running application.</summary>
    /// <exception cref="EngineFilesException">They are not there.</exception>
    public static EngineFiles Default => s_default.Value;

    /// <summary>Directory of the files.</summary>
    public string Directory { get; }

    /// <summary>Threads for the processes of all clusters that run on this engine.</summary>
    internal Kernel.ProcessThreads Threads { get; } = new();

    internal FileSystemImage Support => _support.Value;

    /// <summary>
    /// Begins to load, on a thread of its own, what every cluster needs: for a program that has other things to do before it starts one. What fails here
    /// fails again, and is reported, when it is needed.
    /// </summary>
    public static void Preload()
    {
        new Thread(static () =>
        {
            try
            {
                var engine = Default;
                engine.Programs.Postgres.Main.Prepare();
                _ = engine.Support;
                _ = engine.TemplateControl;
            }
#pragma warning disable CA1031 // Whoever needs it gets the same exception.
            catch (Exception)
#pragma warning restore CA1031
            {
            }
        }) { IsBackground = true, Name = "preload" }.Start();
    }

    /// <summary>Postgres' installed files, with those of its test modules where they are.</summary>
    internal MemoryFileSystem Installation()
    {
        var files = MemoryFileSystem.FromImage(Support);
        if (_testSupport.Value is { } tests)
        {
            files.AddImage(tests);
        }

        return files;
    }

    /// <summary>The version of PostgreSQL, as <c>server_version</c> reports it.</summary>
    public string PostgresVersion => _version.Value;

    /// <summary>The part of the catalog of extensions that only this engine has (<see cref="EngineArtifacts.OwnExtensions"/>); null if there is none.</summary>
    public byte[]? OwnExtensions => Path.Combine(Directory, EngineArtifacts.OwnExtensions) is var file && File.Exists(file) ? File.ReadAllBytes(file) : null;

    /// <summary>Whether the installation has a file, for example <c>share/postgresql/extension/hstore.control</c>.</summary>
    public bool IsInstalled(string path)
    {
        using var files = Installation();
        return FileTree.Exists(files, "/" + path);
    }

    /// <summary>A data directory as initdb left it.</summary>
    internal FileSystemImage Template => _template.Value;

    /// <summary>The template's pg_control: what a data directory must agree with.</summary>
    internal Data.ControlFile TemplateControl => _templateControl.Value;

    internal Pg.EnginePrograms Programs => _programs.Value;

    internal ModuleImage LoadModule(string name) => LoadModule(name, Directory);

    private ModuleImage LoadModule(string name, string directory) =>
        _modules.GetOrAdd(name, n => new Lazy<ModuleImage>(() => ModuleImage.Load(directory, n))).Value;

    internal ModuleImage? FindSideModule(string baseName) =>
        _index.Value.TryGetValue(baseName, out var entry) ? LoadModule(entry.Assembly, entry.Directory)
        : IsLater(baseName) ? throw new DynamicLinkException($"{NotYetCompiled}. {WhenCompiled}")
        : null;

    /// <summary>Whether an extension or library is missing because this engine is that of a first start, which the next build completes.</summary>
    internal bool IsLater(string name) => _later.Value.Contains(name);

    /// <summary>What is said of it.</summary>
    internal const string NotYetCompiled = "it is not compiled yet";

    /// <summary>What to do then.</summary>
    internal const string WhenCompiled = "The first start compiles extensions in the background; start the server again when artifacts/pocketgres-rest.log says that it is done.";

    /// <summary>The assembly of the program with this name, or null.</summary>
    internal string? ProgramAssembly(string name) =>
        _index.Value.TryGetValue(EngineArtifacts.ProgramPrefix + name, out var entry) ? entry.Assembly : null;

    /// <summary>Names of PostgreSQL's programs other than the server.</summary>
    public IReadOnlyList<string> ProgramNames =>
        [.. _index.Value.Keys.Where(k => k.StartsWith(EngineArtifacts.ProgramPrefix, StringComparison.Ordinal)).Select(k => k[EngineArtifacts.ProgramPrefix.Length..]).Order(StringComparer.Ordinal)];

    /// <summary>Whether a library does its work only if it is in shared_preload_libraries.</summary>
    internal bool NeedsPreload(string library) => _index.Value.TryGetValue(library, out var entry) && entry.NeedsPreload;

    private Data.ControlFile ReadTemplateControl()
    {
        using var files = MemoryFileSystem.FromImage(Template);
        return Data.ControlFile.Parse(FileTree.ReadAll(files, "/" + Data.ControlFile.Name, Data.ControlFile.FileSize));
    }

    private static FileSystemImage OpenImage(string directory, string index, string image) =>
        FileSystemImage.Open(Path.Combine(directory, index), Path.Combine(directory, image));

    private static HashSet<string> ReadLater(string file) => File.Exists(file) ? File.ReadLines(file).ToHashSet(StringComparer.Ordinal) : [];

    private static IEnumerable<IndexEntry> ReadIndex(string directory) =>
        System.IO.Directory.Exists(directory)
            ? File.ReadLines(Path.Combine(directory, EngineArtifacts.ModuleIndex)).Select(line => IndexEntry.Parse(line, directory))
            : [];

    // Beside the application: real files when published or packed, a pointer to the build's cache in a local build.
    private static EngineFiles Locate()
    {
        string beside = Path.Combine(AppContext.BaseDirectory, EngineArtifacts.PublishedDirectory);
        if (File.Exists(Path.Combine(beside, EngineArtifacts.SupportIndex)))
        {
            return new EngineFiles(beside);
        }

        string pointer = Path.Combine(AppContext.BaseDirectory, EngineArtifacts.PathFile);
        if (File.Exists(pointer))
        {
            string directory = File.ReadAllText(pointer).Trim();
            if (File.Exists(Path.Combine(directory, EngineArtifacts.SupportIndex)))
            {
                return new EngineFiles(directory);
            }

            throw new EngineFilesException($"the engine's files are not in {directory} any more: build again");
        }

        throw new EngineFilesException($"the engine's files are neither in {beside} nor named by {pointer}: reference Pocketgres.Postgres and build again");
    }

    /// <summary>A line of the index of modules; see <see cref="EngineArtifacts"/>.</summary>
    private sealed record IndexEntry(string Name, string Assembly, string Directory, bool NeedsPreload)
    {
        public static IndexEntry Parse(string line, string directory)
        {
            string[] fields = line.Split('\t');
            return new IndexEntry(fields[0], fields[1], directory, fields.Length > 2 && fields[2] == EngineArtifacts.PreloadMark);
        }
    }
}
