using System.Globalization;
using Npgsql;
using Pocketgres.Engine;
using Pocketgres.Engine.Checking;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Server.Checking;

/// <summary>A server on an overlay, for nobody but the check: reached through a socket in a private directory, with nothing of its own going on.</summary>
internal sealed class CheckServer : IAsyncDisposable
{
    private const int SocketNumber = 5432;
    private const int MinimumSlots = 10; // Postgres' own default
    private const string Authentication = "/pocketgres-check-hba.conf";
    private const string StandbySignal = "/standby.signal";
    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(20);

    // Whatever the configuration files say: nothing that writes elsewhere, talks to anybody, runs foreign code or hides damage. What is in memory needs
    // no care for durability. After a crash of a session, which damage can cause, the others are still to be checked.
    private static readonly Dictionary<string, string> s_settings = new()
    {
        ["archive_mode"] = "off",
        ["autovacuum"] = "off",
        ["event_triggers"] = "off",
        ["external_pid_file"] = "",
        ["fsync"] = "off",
        ["ident_file"] = "/dev/null",
        ["ignore_checksum_failure"] = "off",
        ["ignore_invalid_pages"] = "off",
        ["log_min_messages"] = "warning",
        ["max_logical_replication_workers"] = "0",
        ["max_wal_size"] = "128MB",
        ["min_wal_size"] = "80MB",
        ["recovery_init_sync_method"] = "fsync",
        ["restart_after_crash"] = "on",
        ["session_preload_libraries"] = "",
        ["shared_preload_libraries"] = "",
        ["local_preload_libraries"] = "",
        ["ssl"] = "off",
        ["synchronous_standby_names"] = "",
        ["wal_init_zero"] = "off",
        ["wal_level"] = "logical", // slots may need it, and a read-only server does
        ["zero_damaged_pages"] = "off",
    };

    // A server in recovery that waits for more log, from nowhere, is one that changes nothing: not even hint bits, which would need memory for every page.
    private static readonly Dictionary<string, string> s_readOnlySettings = new()
    {
        ["archive_cleanup_command"] = "",
        ["hot_standby"] = "on",
        ["primary_conninfo"] = "",
        ["primary_slot_name"] = "",
        ["recovery_end_command"] = "",
        ["recovery_min_apply_delay"] = "0",
        ["recovery_target"] = "",
        ["recovery_target_lsn"] = "",
        ["recovery_target_name"] = "",
        ["recovery_target_time"] = "",
        ["recovery_target_timeline"] = "current",
        ["recovery_target_xid"] = "",
        ["restore_command"] = "",
        ["sync_replication_slots"] = "off",
    };

    // Over what a database or a role has as defaults.
    private const string SessionOptions =
        "-c search_path=pg_catalog -c event_triggers=off -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed " +
        "-c statement_timeout=0 -c lock_timeout=0 -c transaction_timeout=0 -c idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 " +
        "-c ignore_checksum_failure=off -c zero_damaged_pages=off -c session_preload_libraries= -c jit=off";

    private readonly PostgresCluster _cluster;
    private readonly PrivateDirectory _sockets;

    private CheckServer(PostgresCluster cluster, PrivateDirectory sockets)
    {
        _cluster = cluster;
        _sockets = sockets;
    }

    /// <summary>Whether there is nothing to connect to any more.</summary>
    public bool HasEnded => _cluster.Completion.IsCompleted;

    /// <summary>Starts a server, which recovers if needed.</summary>
    /// <param name="overlay">What it runs on.</param>
    /// <param name="control">The directory's control file as it was found.</param>
    /// <param name="readOnly">Whether nothing is to change any more, after a clean stop.</param>
    /// <param name="findings">Told why when it does not start.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Null when it does not start.</returns>
    public static async Task<CheckServer?> TryStartAsync(
        ClusterOverlay overlay, ControlFile control, bool readOnly, RowFindings findings, CancellationToken cancellationToken)
    {
        var log = new StartLog();
        var sockets = PrivateDirectory.Create();
        bool needsMoreLog = false;
        try
        {
            needsMoreLog = Prepare(overlay);
            var settings = new Dictionary<string, string>(s_settings) { ["hba_file"] = overlay.Path + Authentication };
            AddCapacities(settings, overlay, control);
            if (readOnly)
            {
                FileTree.WriteAll(overlay.Files, StandbySignal, [], 0x180, sync: false);
                foreach (var (name, value) in s_readOnlySettings)
                {
                    settings[name] = value;
                }
            }

            var cluster = await PostgresCluster.StartAsync(
                new ClusterOptions
                {
                    Overlay = overlay,
                    ListenAddress = null,
                    Port = SocketNumber,
                    UnixSocketDirectory = sockets.Path,
                    Settings = settings,
                    Logger = log,
                },
                cancellationToken).ConfigureAwait(false);
            return new CheckServer(cluster, sockets);
        }
        catch (ClusterException e) when (e.Error == ClusterError.StartFailed && needsMoreLog)
        {
            sockets.Dispose();
            findings.AddUnchecked($"tables and indexes: a standby or backup that does not start from what is in it: {Why(e)}");
            return null;
        }
        catch (Exception e) when (e is ClusterException or FileSystemException)
        {
            sockets.Dispose();
            string line = $"no server starts on the directory: {Why(e)}";
            if (log.SaysDamage)
            {
                findings.AddDamage(line);
            }
            else
            {
                findings.AddUnchecked(line);
            }

            return null;
        }
        catch
        {
            sockets.Dispose();
            throw;
        }

        string Why(Exception e) => log.Reason.Length > 0 ? log.Reason : e.Message;
    }

    /// <summary>A session as superuser, once the server, which may be recovering from a crash, lets one in.</summary>
    /// <exception cref="NpgsqlException">It does not.</exception>
    public async Task<NpgsqlConnection> ConnectAsync(string database, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = _sockets.Path,
            Port = SocketNumber,
            Username = Environment.GetEnvironmentVariable("POSTGRES_USER") is { Length: > 0 } user ? user : ConnectionAddress.User, // as it was made
            Database = database,
            ApplicationName = "pocketgres check",
            Options = SessionOptions,
            Pooling = false,
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
            Timeout = 0,
            CommandTimeout = 0,
            IncludeErrorDetail = true,
        };
        var builder = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
        var source = builder.Build();
        await using (source.ConfigureAwait(false))
        {
            while (true)
            {
                try
                {
                    return await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (NpgsqlException e) when (!HasEnded && (e is not PostgresException || e.SqlState == PostgresErrorCodes.CannotConnectNow))
                {
                    await Task.Delay(s_pollInterval, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>A clean stop: everything that is in the server's memory is in the files then.</summary>
    /// <returns>False when it did not stop, or not cleanly.</returns>
    public async Task<bool> TryStopAsync(TimeSpan patience)
    {
        try
        {
            await _cluster.StopAsync().WaitAsync(patience).ConfigureAwait(false);
            return await _cluster.Completion.ConfigureAwait(false) == 0;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // What it would still write is dropped anyway.
        await _cluster.KillAsync().ConfigureAwait(false);
        _sockets.Dispose();
    }

    // What the directory holds needs room in shared memory. How much the server had may have come from a command line.
    private static void AddCapacities(Dictionary<string, string> settings, ClusterOverlay overlay, ControlFile control)
    {
        const int OriginSize = 16, OriginsOverhead = 8; // ReplicationStateOnDisk; the file's magic number and checksum (replication/logical/origin.c)
        const string Origins = "/pg_logical/replorigin_checkpoint", Slots = "/pg_replslot";
        int slots = FileTree.Exists(overlay.Files, Slots) ? FileTree.List(overlay.Files, Slots).Count : 0;
        long origins = overlay.Files.Stat(Origins, followLink: true, out var status) == Errno.None ? (status.Size - OriginsOverhead) / OriginSize : 0;
        Set("max_prepared_transactions", control.MaximumPreparedTransactions, 0);
        Set("max_replication_slots", slots, MinimumSlots);
        Set("max_active_replication_origins", origins, MinimumSlots);

        void Set(string name, long value, long least) => settings[name] = Math.Max(value, least).ToString(CultureInfo.InvariantCulture);
    }

    // A directory that is or was a standby's, or is to be restored to a point in time, is checked as what its own log makes of it: without asking an archive
    // or another server. True when that may be too little.
    private static bool Prepare(ClusterOverlay overlay)
    {
        bool needsMoreLog = FileTree.Exists(overlay.Files, "/backup_label");
        foreach (string signal in (string[])[StandbySignal, "/recovery.signal"])
        {
            needsMoreLog |= FileTree.Exists(overlay.Files, signal);
            FileTree.Remove(overlay.Files, signal);
        }

        FileTree.WriteAll(overlay.Files, Authentication, "local all all trust\n"u8, 0x180, sync: false);
        FileSystemException.ThrowIf(overlay.Files.ChangeMode("/", 0x1C0), "set the mode of", overlay.Path);
        return needsMoreLog;
    }
}
