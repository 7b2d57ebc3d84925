using Pocketgres.Engine.Connections;
using Pocketgres.Engine.Tls;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>What the engine keeps beside each kernel process that runs a program of PostgreSQL.</summary>
internal sealed class PostgresProcess : IDisposable
{
    private PostgresProcess(EnginePrograms programs, BackendType type)
    {
        Programs = programs;
        Type = type;
    }

    /// <summary>The engine whose programs it can run.</summary>
    public EnginePrograms Programs { get; }

    /// <summary>What kind of process it is; Invalid for the postmaster and single-user processes.</summary>
    public BackendType Type { get; }

    /// <summary>In a clone: the main loop in which the process goes on when it is thawed, 0 if it ends then.</summary>
    public int FrozenLoop { get; init; }

    /// <summary>In the postmaster: it has launched a startup process before; the next one is after a crash.</summary>
    public bool HasStarted { get; set; }

    /// <summary>In the postmaster: whether it is to accept connections already (<see cref="StartHold"/>), or null for always.</summary>
    public StartHold? Hold { get; set; }

    /// <summary>In a postmaster: completes when it has said that it lets clients in; null when nobody reads its log.</summary>
    public Task? Ready { get; init; }

    /// <summary>Its sessions keep statements.</summary>
    public bool CachesStatements { get; init; }

    /// <summary>The statements that a session keeps; null in other processes, and where it must not.</summary>
    public StatementCache? Statements { get; private init; }

    /// <summary>What holds commits back; null where the files are all there is.</summary>
    public ICommitGate? CommitGate { get; init; }

    /// <summary>What it has of TLS.</summary>
    public TlsState Tls { get; private init; } = new();

    /// <summary>State of a process that is its own master.</summary>
    /// <param name="programs">The engine's.</param>
    /// <param name="ready">See <see cref="Ready"/>.</param>
    /// <param name="cachesStatements">See <see cref="CachesStatements"/>.</param>
    /// <param name="gate">See <see cref="CommitGate"/>.</param>
    public static PostgresProcess Master(EnginePrograms programs, Task? ready = null, bool cachesStatements = false, ICommitGate? gate = null) =>
        new(programs, BackendType.Invalid) { Ready = ready, CachesStatements = cachesStatements, CommitGate = gate };

    /// <summary>State of a child that <paramref name="postmaster"/> forks.</summary>
    public static PostgresProcess Child(BackendType type, Process postmaster) =>
        new(Of(postmaster).Programs, type)
        {
            CachesStatements = Of(postmaster).CachesStatements, CommitGate = Of(postmaster).CommitGate,
            Tls = new TlsState { Context = Of(postmaster).Tls.Context },
            Statements = type == BackendType.Backend && Of(postmaster).CachesStatements ? new StatementCache() : null,
        };

    /// <summary>The same state for this process in a clone.</summary>
    /// <param name="postmaster">The clone's postmaster; null for itself.</param>
    /// <param name="loop">See <see cref="FrozenLoop"/>.</param>
    public PostgresProcess CopyFor(Process? postmaster, int loop) => new(Programs, Type)
    {
        FrozenLoop = loop, CachesStatements = CachesStatements, HasStarted = HasStarted, Tls = new TlsState { Context = Tls.Context },
    };

    /// <summary>At the process's end.</summary>
    public void Dispose() => Tls.Dispose();

    /// <summary>The state of a process.</summary>
    public static PostgresProcess Of(Process process) => (PostgresProcess)process.Tag!;
}
