namespace Pocketgres.Server.Observing;

/// <content>What is asked. Names and labels are those of postgres_exporter 0.19, whose default collectors have all of them.</content>
internal sealed partial class StatisticsQuery
{
    /// <summary>Tables whose statistics are read: the largest ones.</summary>
    public const int MaximumTables = 1000;

    // Largest by what the catalog says, which costs nothing to look at.
    private static readonly string s_tables = $"""
        (SELECT s.* FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid ORDER BY c.relpages DESC, c.oid LIMIT {MaximumTables})
        """;

    private const string Position = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END";

    /// <summary>All queries.</summary>
    public static IReadOnlyList<StatisticsQuery> All { get; } =
    [
        new("""
            SELECT datid, coalesce(datname, ''), numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated,
                tup_deleted, conflicts, temp_files, temp_bytes, deadlocks, blk_read_time, blk_write_time, active_time / 1000, coalesce(extract(epoch FROM stats_reset), 0)
            FROM pg_stat_database
            """,
            ["datid", "datname"],
            Gauge("pg_stat_database_numbackends", "Sessions connected to this database"),
            Counter("pg_stat_database_xact_commit", "Transactions committed"),
            Counter("pg_stat_database_xact_rollback", "Transactions rolled back"),
            Counter("pg_stat_database_blks_read", "Blocks read from files"),
            Counter("pg_stat_database_blks_hit", "Blocks found in shared_buffers"),
            Counter("pg_stat_database_tup_returned", "Rows read by scans"),
            Counter("pg_stat_database_tup_fetched", "Rows fetched by index scans"),
            Counter("pg_stat_database_tup_inserted", "Rows inserted"),
            Counter("pg_stat_database_tup_updated", "Rows updated"),
            Counter("pg_stat_database_tup_deleted", "Rows deleted"),
            Counter("pg_stat_database_conflicts", "Queries cancelled by conflicts with recovery"),
            Counter("pg_stat_database_temp_files", "Temporary files made"),
            Counter("pg_stat_database_temp_bytes", "Bytes written to temporary files"),
            Counter("pg_stat_database_deadlocks", "Deadlocks"),
            Counter("pg_stat_database_blk_read_time", "Milliseconds spent reading blocks (track_io_timing)"),
            Counter("pg_stat_database_blk_write_time", "Milliseconds spent writing blocks (track_io_timing)"),
            Counter("pg_stat_database_active_time_seconds_total", "Seconds spent executing statements"),
            Counter("pg_stat_database_stats_reset", "When the statistics were reset, in seconds since 1970")),
        new("""
            SELECT datid, datname, confl_tablespace, confl_lock, confl_snapshot, confl_bufferpin, confl_deadlock, confl_active_logicalslot FROM pg_stat_database_conflicts
            """,
            ["datid", "datname"],
            Counter("pg_stat_database_conflicts_confl_tablespace", "Queries of a standby cancelled because of a dropped tablespace"),
            Counter("pg_stat_database_conflicts_confl_lock", "Queries of a standby cancelled because of locks"),
            Counter("pg_stat_database_conflicts_confl_snapshot", "Queries of a standby cancelled because of old snapshots"),
            Counter("pg_stat_database_conflicts_confl_bufferpin", "Queries of a standby cancelled because of pinned buffers"),
            Counter("pg_stat_database_conflicts_confl_deadlock", "Queries of a standby cancelled because of deadlocks"),
            Counter("pg_stat_database_conflicts_confl_active_logicalslot", "Logical slots of a standby cancelled")),
        new("SELECT datname, pg_database_size(oid), datconnlimit FROM pg_database WHERE datallowconn AND datconnlimit <> -2 AND NOT datistemplate",
            ["datname"],
            Gauge("pg_database_size_bytes", "Size of the database's files"),
            Gauge("pg_database_connection_limit", "Connections it allows, -1 for any number")),
        new("SELECT rolname, rolconnlimit FROM pg_roles", ["rolname"], Gauge("pg_roles_connection_limit", "Connections of the role allowed, -1 for any number")),
        new("""
            SELECT d.datname, s.state, count(a.pid), coalesce(max(extract(epoch FROM now() - a.xact_start)), 0)
            FROM pg_database d CROSS JOIN unnest(ARRAY['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)', 'fastpath function call', 'disabled']) s (state)
            LEFT JOIN pg_stat_activity a ON a.datname = d.datname AND a.state = s.state AND a.pid <> pg_backend_pid()
            WHERE d.datallowconn GROUP BY 1, 2
            """,
            ["datname", "state"],
            Gauge("pg_stat_activity_count", "Sessions in this state"),
            Gauge("pg_stat_activity_max_tx_duration", "Seconds of the longest transaction")),
        new("""
            SELECT d.datname, m.mode, count(l.pid)
            FROM pg_database d CROSS JOIN unnest(ARRAY['accesssharelock', 'rowsharelock', 'rowexclusivelock', 'shareupdateexclusivelock', 'sharelock',
                'sharerowexclusivelock', 'exclusivelock', 'accessexclusivelock', 'sireadlock']) m (mode)
            LEFT JOIN pg_locks l ON l.database = d.oid AND lower(l.mode) = m.mode
            WHERE d.datallowconn GROUP BY 1, 2
            """,
            ["datname", "mode"], Gauge("pg_locks_count", "Locks held or waited for")),
        new("""
            SELECT pg_is_in_recovery()::int,
                CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
                    THEN greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) ELSE 0 END,
                coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)
            """,
            [],
            Gauge("pg_replication_is_replica", "Whether it is a standby"),
            Gauge("pg_replication_lag_seconds", "How far a standby is behind, in seconds"),
            Gauge("pg_replication_last_replay_seconds", "Seconds since a standby replayed a transaction")),
        new($"""
            SELECT slot_name, slot_type, active::int, pg_wal_lsn_diff({Position}, '0/0'), pg_wal_lsn_diff(confirmed_flush_lsn, '0/0'), safe_wal_size,
                pg_wal_lsn_diff({Position}, restart_lsn)
            FROM pg_replication_slots
            """,
            ["slot_name", "slot_type"],
            Gauge("pg_replication_slot_slot_is_active", "Whether somebody uses the slot"),
            Gauge("pg_replication_slot_slot_current_wal_lsn", "Where the server's log is, in bytes"),
            Gauge("pg_replication_slot_slot_confirmed_flush_lsn", "What a logical slot's receiver has confirmed, in bytes"),
            Gauge("pg_replication_slot_safe_wal_size_bytes", "Bytes that can be written before the slot is in danger (max_slot_wal_keep_size)"),
            Gauge("pg_replication_slot_wal_retained_bytes", "Bytes of the log that the slot keeps")),
        new("SELECT slot_name, slot_type, wal_status, 1 FROM pg_replication_slots WHERE wal_status IS NOT NULL",
            ["slot_name", "slot_type", "wal_status"], Gauge("pg_replication_slot_wal_status", "The state of the log that the slot needs, as a label")),
        new($"""
            SELECT slot_name, coalesce(database, ''), active::int, pg_wal_lsn_diff({Position}, restart_lsn) FROM pg_replication_slots
            """,
            ["slot_name", "database"],
            Gauge("pg_replication_slots_active", "Whether somebody uses the slot"),
            Gauge("pg_replication_slots_pg_wal_lsn_diff", "Bytes of the log that the slot keeps")),
        new($"""
            SELECT application_name, coalesce(host(client_addr), ''), coalesce(state, ''), max(pg_wal_lsn_diff({Position}, '0/0')), max(pg_wal_lsn_diff({Position}, replay_lsn))
            FROM pg_stat_replication GROUP BY 1, 2, 3
            """,
            ["application_name", "client_addr", "state"],
            Gauge("pg_stat_replication_pg_current_wal_lsn_bytes", "Where the server's log is, in bytes"),
            Gauge("pg_stat_replication_pg_wal_lsn_diff", "Bytes that the receiver is behind")),
        new($"""
            SELECT current_database(), schemaname, relname, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch, n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd, n_live_tup,
                n_dead_tup, n_mod_since_analyze, coalesce(extract(epoch FROM last_vacuum), 0), coalesce(extract(epoch FROM last_autovacuum), 0),
                coalesce(extract(epoch FROM last_analyze), 0), coalesce(extract(epoch FROM last_autoanalyze), 0), vacuum_count, autovacuum_count, analyze_count, autoanalyze_count
            FROM {s_tables} t
            """,
            ["datname", "schemaname", "relname"],
            Counter("pg_stat_user_tables_seq_scan", "Sequential scans"),
            Counter("pg_stat_user_tables_seq_tup_read", "Rows read by them"),
            Counter("pg_stat_user_tables_idx_scan", "Index scans"),
            Counter("pg_stat_user_tables_idx_tup_fetch", "Rows fetched by them"),
            Counter("pg_stat_user_tables_n_tup_ins", "Rows inserted"),
            Counter("pg_stat_user_tables_n_tup_upd", "Rows updated"),
            Counter("pg_stat_user_tables_n_tup_del", "Rows deleted"),
            Counter("pg_stat_user_tables_n_tup_hot_upd", "Rows updated without new index entries"),
            Gauge("pg_stat_user_tables_n_live_tup", "Rows, estimated"),
            Gauge("pg_stat_user_tables_n_dead_tup", "Dead rows, estimated"),
            Gauge("pg_stat_user_tables_n_mod_since_analyze", "Rows changed since the last ANALYZE, estimated"),
            Gauge("pg_stat_user_tables_last_vacuum", "When VACUUM was last run by hand, in seconds since 1970"),
            Gauge("pg_stat_user_tables_last_autovacuum", "When autovacuum last ran VACUUM, in seconds since 1970"),
            Gauge("pg_stat_user_tables_last_analyze", "When ANALYZE was last run by hand, in seconds since 1970"),
            Gauge("pg_stat_user_tables_last_autoanalyze", "When autovacuum last ran ANALYZE, in seconds since 1970"),
            Counter("pg_stat_user_tables_vacuum_count", "VACUUMs by hand"),
            Counter("pg_stat_user_tables_autovacuum_count", "VACUUMs by autovacuum"),
            Counter("pg_stat_user_tables_analyze_count", "ANALYZEs by hand"),
            Counter("pg_stat_user_tables_autoanalyze_count", "ANALYZEs by autovacuum")),
        new($"SELECT current_database(), schemaname, relname, pg_table_size(relid), pg_indexes_size(relid) FROM {s_tables} t",
            ["datname", "schemaname", "relname"],
            Gauge("pg_stat_user_tables_table_size_bytes", "Size with TOAST, without indexes"),
            Gauge("pg_stat_user_tables_index_size_bytes", "Size of the indexes")),
        new($"""
            SELECT current_database(), t.schemaname, t.relname, heap_blks_read, heap_blks_hit, idx_blks_read, idx_blks_hit, toast_blks_read, toast_blks_hit, tidx_blks_read, tidx_blks_hit
            FROM {s_tables} t JOIN pg_statio_user_tables USING (relid)
            """,
            ["datname", "schemaname", "relname"],
            Counter("pg_statio_user_tables_heap_blocks_read", "Blocks of the table read from files"),
            Counter("pg_statio_user_tables_heap_blocks_hit", "Blocks of the table found in shared_buffers"),
            Counter("pg_statio_user_tables_idx_blocks_read", "Blocks of its indexes read from files"),
            Counter("pg_statio_user_tables_idx_blocks_hit", "Blocks of its indexes found in shared_buffers"),
            Counter("pg_statio_user_tables_toast_blocks_read", "Blocks of its TOAST table read from files"),
            Counter("pg_statio_user_tables_toast_blocks_hit", "Blocks of its TOAST table found in shared_buffers"),
            Counter("pg_statio_user_tables_tidx_blocks_read", "Blocks of the TOAST table's index read from files"),
            Counter("pg_statio_user_tables_tidx_blocks_hit", "Blocks of the TOAST table's index found in shared_buffers")),
        new("""
            SELECT b.buffers_clean, b.maxwritten_clean, b.buffers_alloc, extract(epoch FROM b.stats_reset), c.num_timed, c.num_requested, c.write_time, c.sync_time,
                c.buffers_written, a.archived_count, a.failed_count, coalesce(extract(epoch FROM now() - a.last_archived_time), 'NaN'), extract(epoch FROM pg_postmaster_start_time())
            FROM pg_stat_bgwriter b, pg_stat_checkpointer c, pg_stat_archiver a
            """,
            [],
            Counter("pg_stat_bgwriter_buffers_clean_total", "Buffers written by the background writer"),
            Counter("pg_stat_bgwriter_maxwritten_clean_total", "Rounds it stopped early"),
            Counter("pg_stat_bgwriter_buffers_alloc_total", "Buffers allocated"),
            Counter("pg_stat_bgwriter_stats_reset_total", "When these statistics were reset, in seconds since 1970"),
            Counter("pg_stat_checkpointer_num_timed_total", "Checkpoints by time"),
            Counter("pg_stat_checkpointer_num_requested_total", "Checkpoints by request"),
            Counter("pg_stat_checkpointer_write_time_total", "Milliseconds spent writing"),
            Counter("pg_stat_checkpointer_sync_time_total", "Milliseconds spent syncing"),
            Counter("pg_stat_checkpointer_buffers_written_total", "Buffers written"),
            Counter("pg_stat_archiver_archived_count", "Files of the log archived"),
            Counter("pg_stat_archiver_failed_count", "Files of the log that could not be"),
            Gauge("pg_stat_archiver_last_archive_age", "Seconds since the last one was archived"),
            Gauge("pg_postmaster_start_time_seconds", "When the server started, in seconds since 1970")),
        new("SELECT count(*), coalesce(sum(size), 0) FROM pg_ls_waldir()", [],
            Gauge("pg_wal_segments", "Files of the write-ahead log"), Gauge("pg_wal_size_bytes", "Their size")),
        new("SELECT version(), regexp_replace(current_setting('server_version'), ' .*', ''), 1", ["version", "short_version"],
            Gauge("pg_static", "The version, as a label")),
    ];
}
