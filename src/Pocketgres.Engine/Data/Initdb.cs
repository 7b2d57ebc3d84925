using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Installation;

namespace Pocketgres.Engine.Data;

/// <summary>Runs initdb, PostgreSQL's own, on a kernel of its own with everything in memory.</summary>
public static class Initdb
{
    /// <summary>Where the new data directory lies for the processes.</summary>
    public const string DataDirectory = EngineArtifacts.MountPoint + "/data";

    /// <summary>Where it lies in the file system that <see cref="Run"/> returns.</summary>
    public const string DataDirectoryInResult = "/data";

    // What an embedded server needs different from a stock one. Written to postgresql.conf, so that a user's own edits win.
    private static readonly string[] s_defaults =
    [
        "shared_buffers=32MB", // the host's page cache (or memory itself) lies underneath: a large buffer cache would hold pages twice
        "dynamic_shared_memory_type=mmap",
        "io_method=sync", // reads come from the host's page cache: workers would only add switches
        "max_wal_size=256MB",
        "wal_level=logical", // sync engines and change data capture work as it is; no cost was measurable (docs/replication.md)
        "max_wal_senders=20",
        "max_replication_slots=20",
        "max_slot_wal_keep_size=1GB", // a forgotten slot is given up before the disk (or the memory) is full
        "log_timezone=UTC",
        "timezone=UTC",
    ];

    /// <summary>Makes a data directory: UTF-8, C.UTF-8, superuser postgres, trust for local clients, data checksums on.</summary>
    /// <param name="engine">The engine's files.</param>
    /// <param name="output">What initdb printed.</param>
    /// <param name="more">Arguments of the user's, which win over ours.</param>
    /// <returns>A memory file system with the data directory at <see cref="DataDirectoryInResult"/>.</returns>
    /// <exception cref="InvalidOperationException">initdb failed; the message holds what it printed.</exception>
    public static MemoryFileSystem Run(EngineFiles engine, out string output, IReadOnlyList<string>? more = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        var printed = new System.Text.StringBuilder();
        void Print(ReadOnlySpan<byte> bytes) => printed.Append(System.Text.Encoding.UTF8.GetString(bytes));

        var root = new MemoryFileSystem();
        var crash = (Exception?)null;
        var options = new KernelOptions { FirstPid = EnginePrograms.PostmasterPid, StandardOutput = Print, StandardError = Print, Crashed = (_, e) => crash = e };
        var installation = MemoryFileSystem.FromImage(engine.Support);
        var mounts = EngineMounts.Create(root, installation, options);
        using (var kernel = new PosixKernel(options, mounts))
        {
            var arguments = new List<string>
            {
                EnginePrograms.InitdbPath, "--pgdata=" + DataDirectory, "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
                "--locale-provider=libc", "--auth=trust", "--no-sync", "--no-instructions",
            };
            arguments.AddRange(s_defaults.Select(d => "--set=" + d));
            arguments.AddRange(more ?? []);
            var process = kernel.Spawn(engine.Programs.Initdb, arguments, EngineMounts.Environment(DataDirectory), "/", "initdb",
                tag: PostgresProcess.Master(engine.Programs));
            int status = process.Exited.GetAwaiter().GetResult();
            output = printed.ToString();
            if (status != 0 || crash is not null)
            {
                throw new InvalidOperationException($"initdb ended with status {status}{(crash is null ? "" : ": " + crash)}\n{output}");
            }

            // The kernel frees what is mounted; the clone shares the content.
            return installation.Clone();
        }
    }
}
