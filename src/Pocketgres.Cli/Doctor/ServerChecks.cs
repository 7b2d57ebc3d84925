using Npgsql;
using Pocketgres.Copying;
using Pocketgres.Sql;

namespace Pocketgres.Cli.Doctor;

/// <summary>What a server says of itself: settings that lose data, extensions, what grows in silence.</summary>
internal static class ServerChecks
{
    // Each query returns what is wrong, one row a finding, and no row when all is well.
    private static readonly (string Subject, FindingLevel Level, string Query, string Advice)[] s_checks =
    [
        ("configuration files", FindingLevel.Problem,
            "SELECT format('%s line %s: %s', sourcefile, sourceline, error) FROM pg_file_settings WHERE error IS NOT NULL", "correct the line: the next start may fail on it"),
        ("pg_hba.conf", FindingLevel.Problem, "SELECT format('line %s: %s', line_number, error) FROM pg_hba_file_rules WHERE error IS NOT NULL", "correct the line: it lets nobody in"),
        ("authentication", FindingLevel.Warning,
            """
            SELECT format('pg_hba.conf line %s trusts %s', line_number, coalesce(address, 'all')) FROM pg_hba_file_rules
            WHERE auth_method = 'trust' AND type <> 'local' AND address NOT IN ('127.0.0.1', '::1', 'localhost', 'samehost')
                AND current_setting('listen_addresses') NOT IN ('', 'localhost', '127.0.0.1', '::1')
            """, "demand a password: scram-sha-256"),
        ("durability", FindingLevel.Warning,
            "SELECT format('%s is %s', name, setting) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum') AND setting = 'off'",
            "turn it on, unless the data may be lost"),
        ("checksums", FindingLevel.Warning, "SELECT 'data_checksums is off' FROM pg_settings WHERE name = 'data_checksums' AND setting = 'off'", "pg_checksums --enable turns them on when the server is stopped"),
        ("settings", FindingLevel.Warning, "SELECT format('%s waits for a restart', name) FROM pg_settings WHERE pending_restart", "restart the server"),
        ("collations", FindingLevel.Warning,
            "SELECT format('database %s was made with version %s, this is %s', datname, datcollversion, pg_database_collation_actual_version(oid)) FROM pg_database WHERE datcollversion <> pg_database_collation_actual_version(oid)",
            "REINDEX DATABASE, then ALTER DATABASE ... REFRESH COLLATION VERSION"),
        ("extensions", FindingLevel.Warning,
            "SELECT format('%s is %s, %s is there', name, installed_version, default_version) FROM pg_available_extensions WHERE installed_version <> default_version", "ALTER EXTENSION ... UPDATE"),
        ("extensions", FindingLevel.Problem,
            "SELECT format('%s is installed, but its files are not there', extname) FROM pg_extension e WHERE NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = e.extname)",
            "use a server that has it, or DROP EXTENSION"),
        ("unfinished copies", FindingLevel.Problem, $"SELECT 'this database has part of a copy that was interrupted' FROM pg_namespace WHERE nspname = '{TargetDatabase.MarkSchema}'",
            "copy again with --replace"),
        ("indexes", FindingLevel.Warning, "SELECT format('%s is not valid', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid", "REINDEX INDEX CONCURRENTLY, or drop it"),
        ("transaction ids", FindingLevel.Problem, "SELECT format('database %s is %s transactions old', datname, age(datfrozenxid)) FROM pg_database WHERE age(datfrozenxid) > 1500000000",
            "VACUUM FREEZE in it, before writes are refused"),
        ("prepared transactions", FindingLevel.Warning, "SELECT format('%s is prepared since %s', gid, prepared) FROM pg_prepared_xacts WHERE prepared < now() - interval '1 hour'",
            "COMMIT PREPARED or ROLLBACK PREPARED: they hold locks and old rows"),
        ("replication slots", FindingLevel.Warning,
            "SELECT format('%s is not used and keeps %s of log', slot_name, pg_size_pretty(pg_current_wal_lsn() - restart_lsn)) FROM pg_replication_slots WHERE NOT active AND pg_current_wal_lsn() - restart_lsn > 1 << 29",
            "SELECT pg_drop_replication_slot(...) if nobody comes back for it"),
        ("sessions", FindingLevel.Warning,
            "SELECT format('%s of %s are taken', count(*), current_setting('max_connections')) FROM pg_stat_activity WHERE backend_type = 'client backend' HAVING count(*) > 0.9 * current_setting('max_connections')::int",
            "close some, or raise max_connections"),
        ("old transactions", FindingLevel.Warning,
            "SELECT format('process %s has one open since %s', pid, xact_start) FROM pg_stat_activity WHERE xact_start < now() - interval '1 hour' AND backend_type = 'client backend'", "end it: VACUUM cannot remove what it may still see"),
    ];

    /// <summary>Looks at everything; what the user has no right to see is passed over and said.</summary>
    public static async Task<List<Finding>> RunAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        string version = await connection.ValueAsync<string>("SELECT current_setting('server_version')", cancellationToken) ?? "";
        var findings = new List<Finding>
        {
            Finding.Of("version", version, FindingLevel.Warning, version.StartsWith("18.", StringComparison.Ordinal), "another major version than this program's: not everything was tried with it"),
        };
        foreach (var (subject, level, query, advice) in s_checks)
        {
            try
            {
                var rows = await connection.QueryAsync(query, cancellationToken);
                findings.AddRange(rows.Count == 0 ? [new Finding(FindingLevel.Fine, subject, "nothing to say")] : rows.Select(r => new Finding(level, subject, (string)r[0]!, advice)));
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
            {
                findings.Add(new Finding(FindingLevel.Warning, subject, e.MessageText, "ask as a superuser"));
            }
        }

        double skew = (await connection.ValueAsync<DateTime>("SELECT clock_timestamp()", cancellationToken) - DateTime.UtcNow).TotalSeconds;
        findings.Add(Finding.Of("server's clock", FormattableString.Invariant($"{Math.Abs(skew):0.0} s from this machine's"), FindingLevel.Warning, Math.Abs(skew) < 60, "set the clocks"));
        return findings;
    }
}
