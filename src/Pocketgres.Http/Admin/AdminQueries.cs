namespace Pocketgres.Http.Admin;

/// <summary>What the pages ask. All of PostgreSQL's own views; each result is shown as it is.</summary>
internal static class AdminQueries
{
    public const string Databases = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1";

    public const string Server = """
        SELECT current_setting('server_version') AS version, date_trunc('second', pg_postmaster_start_time())::text AS "running since",
            CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END AS role,
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') || ' of ' || current_setting('max_connections') AS connections,
            (SELECT pg_size_pretty(coalesce(sum(size), 0)) FROM pg_ls_waldir()) AS "write-ahead log",
            (SELECT num_timed || ' by time, ' || num_requested || ' by request' FROM pg_stat_checkpointer) AS checkpoints
        """;

    public const string DatabaseSizes = """
        SELECT d.datname AS database, pg_get_userbyid(d.datdba) AS owner, pg_size_pretty(pg_database_size(d.oid)) AS size, s.numbackends AS sessions, s.xact_commit AS commits,
            s.xact_rollback AS rollbacks, round(100.0 * s.blks_hit / nullif(s.blks_hit + s.blks_read, 0), 1) AS "found in cache, %", s.deadlocks,
            pg_size_pretty(s.temp_bytes) AS "temporary files", age(d.datfrozenxid) AS "age of oldest xid"
        FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datallowconn ORDER BY pg_database_size(d.oid) DESC
        """;

    // Who waits for a lock, and for whom, first; then who works. backend_start tells a process from a later one with its number.
    public const string Sessions = """
        SELECT pid, extract(epoch FROM backend_start), backend_type, coalesce(state, ''), coalesce(wait_event_type || ': ' || wait_event, ''), coalesce(datname, ''), coalesce(usename, ''),
            application_name, coalesce(host(client_addr), ''), coalesce(date_trunc('second', now() - xact_start)::text, ''),
            coalesce(date_trunc('second', clock_timestamp() - query_start)::text, ''), query,
            array_to_string(CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) END, ' ')
        FROM pg_stat_activity WHERE pid <> pg_backend_pid()
        ORDER BY wait_event_type = 'Lock' DESC NULLS LAST, backend_type <> 'client backend', coalesce(state, '') = 'idle', xact_start, pid
        """;

    public const string Cancel = """
        SELECT pg_cancel_backend(pid) FROM pg_stat_activity
        WHERE pid = $1::int AND extract(epoch FROM backend_start) = $2::numeric AND pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender', 'autovacuum worker')
        """;

    public const string Terminate = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid = $1::int AND extract(epoch FROM backend_start) = $2::numeric AND pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender', 'autovacuum worker')
        """;

    public const string Locks = """
        SELECT l.pid, l.locktype AS type, CASE WHEN l.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) THEN l.relation::regclass::text ELSE l.relation::text END AS relation,
            d.datname AS database, l.mode, l.granted, l.transactionid AS transaction, date_trunc('second', now() - l.waitstart)::text AS waiting
        FROM pg_locks l LEFT JOIN pg_database d ON d.oid = l.database
        WHERE l.pid <> pg_backend_pid() AND l.locktype <> 'virtualxid' ORDER BY l.granted, l.pid, l.locktype
        """;

    /// <param name="schema">Where the extension is, quoted as an identifier.</param>
    public static string StatementsOf(string schema) => $"""
        SELECT s.calls, round(s.total_exec_time::numeric, 1) AS "total, ms", round(s.mean_exec_time::numeric, 3) AS "mean, ms", round(s.max_exec_time::numeric, 1) AS "longest, ms", s.rows,
            round(100.0 * s.shared_blks_hit / nullif(s.shared_blks_hit + s.shared_blks_read, 0), 1) AS "found in cache, %", d.datname AS database, pg_get_userbyid(s.userid) AS "user", s.query AS statement
        FROM {schema}.pg_stat_statements s LEFT JOIN pg_database d ON d.oid = s.dbid ORDER BY s.total_exec_time DESC LIMIT 100
        """;

    public const string StatementsSchema = "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'";

    // The size of a table that somebody has for himself (VACUUM FULL) could only be had by waiting for him.
    private const string Free = "NOT EXISTS (SELECT FROM pg_locks l WHERE l.relation = s.relid AND l.mode = 'AccessExclusiveLock' AND l.granted)";

    public const string Tables = $"""
        SELECT s.schemaname AS schema, s.relname AS "table", CASE WHEN {Free} THEN pg_size_pretty(pg_total_relation_size(s.relid)) ELSE 'locked' END AS size,
            CASE WHEN {Free} THEN pg_size_pretty(pg_indexes_size(s.relid)) END AS "of that indexes", n_live_tup AS rows, n_dead_tup AS "dead rows", seq_scan AS "sequential scans",
            idx_scan AS "index scans", date_trunc('second', greatest(last_vacuum, last_autovacuum))::text AS "last vacuum", date_trunc('second', greatest(last_analyze, last_autoanalyze))::text AS "last analyze"
        FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid ORDER BY c.relpages DESC, s.schemaname, s.relname LIMIT 100
        """;

    public const string Indexes = $"""
        SELECT s.schemaname AS schema, s.relname AS "table", s.indexrelname AS index, CASE WHEN {Free} THEN pg_size_pretty(pg_relation_size(s.indexrelid)) ELSE 'locked' END AS size,
            s.idx_scan AS scans, date_trunc('second', s.last_idx_scan)::text AS "last scan", i.indisunique AS "unique", i.indisvalid AS valid
        FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid) JOIN pg_class c ON c.oid = s.indexrelid ORDER BY c.relpages DESC, s.schemaname, s.indexrelname LIMIT 100
        """;

    public const string Senders = """
        SELECT pid, usename AS "user", application_name AS application, host(client_addr) AS address, state, sync_state AS "sync", sent_lsn AS sent, replay_lsn AS replayed,
            pg_size_pretty(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, replay_lsn)) AS behind, date_trunc('second', reply_time)::text AS "last reply"
        FROM pg_stat_replication ORDER BY pid
        """;

    public const string Slots = """
        SELECT slot_name AS slot, slot_type AS type, plugin, database, active, active_pid AS pid, wal_status AS "log", restart_lsn AS "needs from", confirmed_flush_lsn AS confirmed,
            pg_size_pretty(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)) AS keeps
        FROM pg_replication_slots ORDER BY 1
        """;

    public const string Receiver = "SELECT pid, status, sender_host AS sender, sender_port AS port, slot_name AS slot, flushed_lsn AS flushed, date_trunc('second', latest_end_time)::text AS \"last report\" FROM pg_stat_wal_receiver";

    public const string Subscriptions = """
        SELECT subname AS subscription, worker_type AS worker, pid, relid::regclass AS "table", received_lsn AS received, date_trunc('second', latest_end_time)::text AS "last report" FROM pg_stat_subscription ORDER BY 1
        """;

    public const string Settings = """
        SELECT name, setting || coalesce(' ' || unit, '') AS value, boot_val AS "default", source, sourcefile || ':' || sourceline AS file, context AS "can be set", pending_restart AS "waits for restart", short_desc AS meaning
        FROM pg_settings WHERE ($1 = '' AND source <> 'default') OR ($1 <> '' AND strpos(lower(name || ' ' || short_desc), lower($1)) > 0) ORDER BY name
        """;

    /// <summary>Takes what has come to a slot: its newest changes, the newest first, and in the last column how many there are. A transaction's last row is its COMMIT.</summary>
    public static string ChangesOf(string slot, int maximum) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"""
        WITH decoded AS MATERIALIZED (
            SELECT row_number() OVER () AS n, xid, left(data, 2010) AS data FROM pg_logical_slot_get_changes('{slot}', NULL, 10000, 'include-timestamp', 'on', 'skip-empty-xacts', 'on')),
        changes AS MATERIALIZED (
            SELECT n, xid, data, max(substring(data FROM '^COMMIT .*\(at (.*)\)$')) OVER (PARTITION BY xid::text) AS committed FROM decoded)
        SELECT committed, xid AS transaction, substr(data, 7) AS change, count(*) OVER () AS together FROM changes WHERE data LIKE 'table %' ORDER BY n DESC LIMIT {maximum}
        """);
}
