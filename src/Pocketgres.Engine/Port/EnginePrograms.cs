using Pocketgres.Engine.Port.Replication.TestDecoding;
using Pocketgres.Kernel.Programs;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>The translated programs: postgres and initdb, found by their path in the engine's file system. Immutable; shared by all clusters.</summary>
internal sealed class EnginePrograms
{
    /// <summary>Paths at which the engine's programs are installed; share and lib are found relative to them.</summary>
    public const string PostgresPath = EngineArtifacts.MountPoint + "/bin/postgres", InitdbPath = EngineArtifacts.MountPoint + "/bin/initdb";

    private readonly Dictionary<string, ProgramImage> _byPath;
    private readonly Lazy<ProgramImage> _initdb;

    /// <summary>Loads the translated modules.</summary>
    public EnginePrograms(EngineFiles files)
    {
        Files = files;
        Postgres = new ProgramImage(files.LoadModule(EngineArtifacts.PostgresAssembly), new ProgramAbi
        {
            RaiseFunction = PgliteFunctions.Raise,
            RescheduleFlag = PgliteAddresses.InterruptPending,
            StackDepth = StackDepth.Allowed,
            StackLimitReached = StackDepth.LimitReached,
            Loaded = Commands.Install,
            HostSymbols = Cxx.StandardClasses.Symbols,
            ImportRefused = RefusedImports.Report,
            LibraryLoaded = (process, library) => PreloadRequests.LibraryLoaded(process, library, files),
        }, files.FindSideModule, [TestDecodingLibrary.Library]);
        _byPath = new(StringComparer.Ordinal) { [PostgresPath] = Postgres };
        _initdb = new Lazy<ProgramImage>(() => new ProgramImage(files.LoadModule(EngineArtifacts.InitdbAssembly), new ProgramAbi
        {
            Loaded = Commands.Install,
        }, _ => null));
    }

    /// <summary>Where they come from.</summary>
    public EngineFiles Files { get; }

    /// <summary>The server.</summary>
    public ProgramImage Postgres { get; }

    /// <summary>initdb, loaded when first used.</summary>
    public ProgramImage Initdb => _initdb.Value;

    /// <summary>The program installed at a path, or null.</summary>
    public ProgramImage? Find(string path) => _byPath.GetValueOrDefault(path);
}
