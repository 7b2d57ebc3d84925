using System.Security.Cryptography;
using Pocketgres.Engine.Connections;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Engine.Port;

/// <summary>What the engine keeps beside each kernel process that runs postgres. Used under the global lock.</summary>
internal sealed class PostgresProcess
{
    private readonly List<Segment> _segments = [];
    private readonly Process? _postmaster;
    private readonly bool _cachesStatements;
    private Dictionary<int, IncrementalHash>? _hmacContexts;

    private PostgresProcess(EnginePrograms programs, BackendType type, Process? postmaster, bool cachesStatements)
    {
        Programs = programs;
        Type = type;
        _postmaster = postmaster;
        _cachesStatements = cachesStatements;
        Statements = cachesStatements && type == BackendType.Backend ? new StatementCache() : null;
    }

    /// <summary>The engine whose programs it can run.</summary>
    public EnginePrograms Programs { get; }

    /// <summary>What kind of process it is; Invalid for the postmaster and single-user processes.</summary>
    public BackendType Type { get; }

    /// <summary>In a clone: the main loop in which the process goes on when it is thawed, 0 if it ends then.</summary>
    public int FrozenLoop { get; init; }

    /// <summary>Descriptor of the socket that ListenServerPort works on, -1 when there is none.</summary>
    public int ListenSocket { get; set; } = -1;

    /// <summary>Pages that sequential scans have prepared since the process last waited.</summary>
    public int ScannedPages { get; set; }

    /// <summary>Commands started by popen(3) and not yet closed, by the address of their stream.</summary>
    public Dictionary<int, ICommand> Commands { get; } = [];

    /// <summary>Startup processes the postmaster has launched: more than one after a crash.</summary>
    public int Startups { get; set; }

    /// <summary>In the postmaster: whether it is to accept connections already (<see cref="StartHold"/>), or null for always.</summary>
    public StartHold? Hold { get; set; }

    /// <summary>Callbacks (table slot, argument) that CacheRegisterRelSyncCallback registered.</summary>
    public List<(int Function, int Argument)> RelSyncCallbacks { get; } = [];

    /// <summary>Unnamed statements that the session has run; null where none are kept.</summary>
    public StatementCache? Statements { get; }

    /// <summary>Running HMAC computations of libpq, by the address of their context.</summary>
    public Dictionary<int, IncrementalHash> HmacContexts => _hmacContexts ??= [];

    /// <summary>True when this is a child whose postmaster has ended.</summary>
    public bool PostmasterIsDead => _postmaster is { HasExited: true };

    /// <summary>In a postmaster: completes when it has said that it lets clients in; null when nobody reads its log.</summary>
    public Task? Ready { get; init; }

    /// <summary>What holds commits back; null where the files are all there is.</summary>
    public ICommitGate? CommitGate { get; init; }

    /// <summary>State of a process that is its own master.</summary>
    /// <param name="programs">The engine's.</param>
    /// <param name="ready">See <see cref="Ready"/>.</param>
    /// <param name="cachesStatements">Its sessions keep unnamed statements.</param>
    /// <param name="gate">See <see cref="CommitGate"/>.</param>
    public static PostgresProcess Master(EnginePrograms programs, Task? ready = null, bool cachesStatements = false, ICommitGate? gate = null) =>
        new(programs, BackendType.Invalid, null, cachesStatements) { Ready = ready, CommitGate = gate };

    /// <summary>State of a child that <paramref name="postmaster"/> forks.</summary>
    public static PostgresProcess Child(BackendType type, Process postmaster) =>
        new(Of(postmaster).Programs, type, postmaster, Of(postmaster)._cachesStatements) { CommitGate = Of(postmaster).CommitGate };

    /// <summary>The same state for this process in a clone. Commands that it runs on the host stay the source's.</summary>
    /// <param name="postmaster">The clone's postmaster; null for itself.</param>
    /// <param name="loop">See <see cref="FrozenLoop"/>.</param>
    public PostgresProcess CopyFor(Process? postmaster, int loop)
    {
        var copy = new PostgresProcess(Programs, Type, postmaster, _cachesStatements) { ListenSocket = ListenSocket, FrozenLoop = loop };
        copy._segments.AddRange(_segments);
        copy.RelSyncCallbacks.AddRange(RelSyncCallbacks);
        return copy;
    }

    /// <summary>The state of a process.</summary>
    public static PostgresProcess Of(Process process) => (PostgresProcess)process.Tag!;

    /// <summary>Address of a shared segment of this length made earlier, or null.</summary>
    public int? FindSegment(int length) => _segments.Find(s => s.Length == length)?.Address;

    /// <summary>Remembers a shared segment.</summary>
    public void AddSegment(int address, int length) => _segments.Add(new Segment(address, length));

    private sealed record Segment(int Address, int Length);
}
