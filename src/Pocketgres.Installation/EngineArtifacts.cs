namespace Pocketgres.Installation;

/// <summary>
/// The directory of translated modules and images: its file names. Written by the build, read by the engine.
/// </summary>
/// <remarks>
/// <code>
///   modules.txt                              index: a line "name TAB assembly" for each program (bin/NAME) and shared library; a third field,
///                                            "preload", marks a library that must be in shared_preload_libraries
///   Pocketgres.Translated.Postgres.dll       the server program, ReadyToRun
///   Pocketgres.Translated.Postgres.manifest  what the kernel's loader must know of it
///   Pocketgres.Translated.Postgres.mem       initial linear memory from the manifest's MemoryStart (side modules: from their memory base), sparse
///   support.image, support.index             Postgres' installed files, to be mounted at /pocketgres
///   template.image, template.index           a data directory fresh from initdb (when the build was given a program that makes it)
///   postgres.version                         one line: the version of PostgreSQL
///   extensions.json                          entries of the catalog for extensions of one's own, if there are any
///   later.txt                                in the build of a first start: a line for each extension and library that the next build brings
///   report.txt                               how every import is bound, the biggest functions, times
///   test/                                    PostgreSQL's test modules, in local builds only: modules.txt, the modules, support.image, support.index
/// </code>
/// </remarks>
public static class EngineArtifacts
{
    /// <summary>Subdirectory of a published application that holds the artifacts.</summary>
    public const string PublishedDirectory = "postgres";

    /// <summary>File in an application's build output whose first line is the absolute path of the artifacts: no copy for local builds.</summary>
    public const string PathFile = "pocketgres-engine.path";

    /// <summary>Name of the index of modules.</summary>
    public const string ModuleIndex = "modules.txt";

    /// <summary>Before the name of a program other than the server in that index.</summary>
    public const string ProgramPrefix = "bin/";

    /// <summary>Third field of a line of that index: the library must be preloaded.</summary>
    public const string PreloadMark = "preload";

    /// <summary>Name of the image of Postgres' installed files.</summary>
    public const string SupportImage = "support.image";

    /// <summary>Name of its index.</summary>
    public const string SupportIndex = "support.index";

    /// <summary>Name of the image of a fresh data directory.</summary>
    public const string TemplateImage = "template.image";

    /// <summary>Name of its index.</summary>
    public const string TemplateIndex = "template.index";

    /// <summary>Name of the file with the version of PostgreSQL, as <c>server_version</c> reports it.</summary>
    public const string PostgresVersion = "postgres.version";

    /// <summary>Name of the file with what the catalog of this version does not have: extensions of one's own.</summary>
    public const string OwnExtensions = "extensions.json";

    /// <summary>Name of the file that lists what a first build leaves to the next one: extensions and libraries, a line each.</summary>
    public const string Later = "later.txt";

    /// <summary>Major version of PostgreSQL: what <c>PG_VERSION</c> of a data directory holds.</summary>
    public const int PostgresMajorVersion = 18;

    /// <summary>
    /// Subdirectory with PostgreSQL's own test modules, which eng/regress.sh needs: never published. The server sees them below this name, outside its library and extension paths.
    /// </summary>
    public const string TestModules = "test";

    /// <summary>Name of the build's report.</summary>
    public const string Report = "report.txt";

    /// <summary>Extension of a module's manifest, beside its assembly.</summary>
    public const string ManifestExtension = ".manifest";

    /// <summary>Extension of a module's initial memory, beside its assembly.</summary>
    public const string MemoryExtension = ".mem";

    /// <summary>The path in the virtual file system at which <see cref="SupportImage"/> is mounted: compiled into the module.</summary>
    public const string MountPoint = "/pocketgres";

    /// <summary>Prefix of the translated assemblies' names.</summary>
    public const string AssemblyPrefix = "Pocketgres.Translated.";

    /// <summary>Assembly of the server program.</summary>
    public const string PostgresAssembly = AssemblyPrefix + "Postgres";
}
