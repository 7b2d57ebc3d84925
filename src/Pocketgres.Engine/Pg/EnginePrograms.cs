using System.Collections.Concurrent;
using Pocketgres.Engine.Shell;
using Pocketgres.Kernel.Files;
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
    private readonly bool _ofUser;

    /// <summary>Programs of these files.</summary>
    /// <param name="files">Where they come from.</param>
    /// <param name="ofUser">They run for the user of the .NET process, as whom and in whose terminal; otherwise for a server, as its user postgres.</param>
    public EnginePrograms(EngineFiles files, bool ofUser = false)
    {
        Files = files;
        _ofUser = ofUser;
        _byPath[PostgresPath] = new(() =>
        {
            var main = files.LoadModule(EngineArtifacts.PostgresAssembly);
            return new ProgramImage(main, Abi(main) with
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
        });
    }

    /// <summary>Where they come from.</summary>
    public EngineFiles Files { get; }

    /// <summary>Whether command lines that a program starts have the .NET process's own terminal and files, where the program gives them none.</summary>
    public bool OfUser => _ofUser;

    /// <summary>The server, loaded when first used.</summary>
    public ProgramImage Postgres => Find(PostgresPath)!;

    /// <summary>initdb, loaded when first used.</summary>
    public ProgramImage Initdb => Find(InitdbPath)!;

    /// <summary>The path at which a program is installed.</summary>
    public static string PathOf(string name) => Directory + name;

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

    // Every program is PostgreSQL's and has the C library's raise(). The server refuses to run as root.
    private ProgramAbi Abi(ModuleImage main) => new()
    {
        RaiseFunction = main.FunctionIndex("raise"),
        UserId = _ofUser ? HostFileSystem.HostUser : 1,
        UserName = _ofUser ? null : "postgres",
        StartCommand = CommandRunner.Start,
    };
}
