using System.Collections.Concurrent;
using Pocketgres.Engine.Shell;
using Pocketgres.Kernel.Programs;
using Pocketgres.Installation;

namespace Pocketgres.Engine.Pg;

/// <summary>The translated programs, found by their path in the engine's file system. Immutable; shared by all clusters.</summary>
internal sealed class EnginePrograms
{
    /// <summary>Where the engine's programs are installed; share and lib are found relative to them.</summary>
    private const string Directory = EngineArtifacts.MountPoint + "/bin/";

    /// <summary>The postmaster's process id, the first of its kernel: lock files show that of the .NET process instead (LockFileSystem).</summary>
    public const int PostmasterPid = 42;

    /// <summary>Paths of the server and of initdb.</summary>
    public const string PostgresPath = Directory + "postgres", InitdbPath = Directory + "initdb";

    private readonly ConcurrentDictionary<string, Lazy<ProgramImage>> _byPath = new(StringComparer.Ordinal);

    /// <summary>Programs of these files.</summary>
    public EnginePrograms(EngineFiles files)
    {
        Files = files;
        var main = files.LoadModule(EngineArtifacts.PostgresAssembly);
        Postgres = new ProgramImage(main, Abi(main) with
        {
            RescheduleFlag = main.VariableAddress("InterruptPending"),
            StackDepth = StackDepth.Allowed,
            StackLimitReached = StackDepth.LimitReached,
            Interrupted = Interrupts.Interrupted,
            Child = ChildProcesses.Describe,
            Forked = ChildProcesses.Forked,
            ForkFailed = ChildProcesses.ForkFailed,
            LibraryLoaded = (process, library) => PreloadRequests.LibraryLoaded(process, library, files),
        }, files.FindSideModule);
        _byPath[PostgresPath] = new(Postgres);
    }

    /// <summary>Where they come from.</summary>
    public EngineFiles Files { get; }

    /// <summary>The server.</summary>
    public ProgramImage Postgres { get; }

    /// <summary>initdb, loaded when first used.</summary>
    public ProgramImage Initdb => Find(InitdbPath)!;

    /// <summary>The program installed at a path, or null. Loaded when first asked for.</summary>
    public ProgramImage? Find(string path)
    {
        if (_byPath.TryGetValue(path, out var known))
        {
            return known.Value;
        }

        if (!path.StartsWith(Directory, StringComparison.Ordinal) || Files.ProgramAssembly(path[Directory.Length..]) is not { } assembly)
        {
            return null;
        }

        return _byPath.GetOrAdd(path, _ => new(() =>
        {
            var main = Files.LoadModule(assembly);
            return new ProgramImage(main, Abi(main), static _ => null);
        })).Value;
    }

    // Every program is PostgreSQL's, has the C library's raise(), and refuses to run as root.
    private static ProgramAbi Abi(ModuleImage main) => new()
    {
        RaiseFunction = main.FunctionIndex("raise"),
        UserId = 1,
        StartCommand = CommandRunner.Start,
    };
}
