using Npgsql;
using Npgsql.Replication;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>The source of a live copy: its publication, its slot, and when nobody may write there any more.</summary>
/// <param name="connection">To the source's database; alone used by this.</param>
/// <param name="name">Of the slot, and of the subscription at the target.</param>
internal sealed class LiveSource(NpgsqlConnection connection, string name)
{
    /// <summary>Of all live copies: what is published is the same. <see cref="LeftBehind"/> leaves it out.</summary>
    public const string Publication = "pocketgres_copy";

    // Of what the source's other sessions may write. Workers of replication and vacuum write nothing that a client wants.
    private const string Writers =
        """
        FROM pg_catalog.pg_stat_activity WHERE (datname = current_database() OR datname IS NULL AND backend_type = 'client backend') AND pid <> pg_backend_pid()
            AND backend_type NOT IN ('walsender', 'autovacuum worker') AND backend_start <= $1
        """;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Of the slot, and of the subscription at the target.</summary>
    public string Name => name;

    /// <summary>The session.</summary>
    public NpgsqlConnection Connection => connection;

    /// <summary>Makes a session known, and the name of the live copy of its database, which there is one of at a time.</summary>
    public static async Task<LiveSource> OpenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        uint database = await connection.ValueAsync<uint>("SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()", cancellationToken);
        await connection.ExecuteAsync("SET default_transaction_read_only = off", cancellationToken);
        return new LiveSource(connection, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"pocketgres_copy_{database}"));
    }

    /// <summary>Refuses a source whose changes cannot be followed, or that would be harmed by being followed.</summary>
    /// <exception cref="CopyException">It says what to do.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (await connection.ValueAsync<bool>("SELECT pg_catalog.pg_is_in_recovery()", cancellationToken))
        {
            throw new CopyException("the source is a standby: give its primary's URL");
        }

        if (await connection.ValueAsync<string>("SHOW wal_level", cancellationToken) is not "logical" and var level)
        {
            throw new CopyException($"the source has wal_level = {level}: ALTER SYSTEM SET wal_level = logical there, restart it, and copy again");
        }

        var lacking = await connection.QueryAsync(
            $"""
            SELECT format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
            WHERE relkind = 'r' AND relpersistence = 'p' AND {CopiedTable.UserSchemas}
                AND (relreplident = 'n' OR relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = c.oid AND indisprimary))
            ORDER BY 1
            """, cancellationToken);
        if (lacking.Count > 0)
        {
            throw new CopyException(
                $"the source would refuse updates and deletes of {string.Join(", ", lacking.Select(r => r[0]))} while it is followed, because they have no primary key: add one, or ALTER TABLE ... REPLICA IDENTITY FULL");
        }

        await RefusePreparedTransactionsAsync(cancellationToken);
    }

    /// <summary>Refuses transactions that are prepared: they would wait here for ever, and be lost afterwards.</summary>
    /// <exception cref="CopyException">There are some.</exception>
    public async Task RefusePreparedTransactionsAsync(CancellationToken cancellationToken)
    {
        if (await connection.ValueAsync<string>("SELECT string_agg(quote_literal(gid), ', ') FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()", cancellationToken) is { } prepared)
        {
            throw new CopyException($"the source has prepared transactions: {prepared}: COMMIT PREPARED or ROLLBACK PREPARED them first");
        }
    }

    /// <summary>Publishes all tables and makes the slot. The snapshot holds as long as the connection that is returned does nothing else.</summary>
    public async Task<(LogicalReplicationConnection Holder, string Snapshot)> BeginAsync(string connectionString, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync($"DROP PUBLICATION IF EXISTS {Publication}", cancellationToken);
        await connection.ExecuteAsync($"CREATE PUBLICATION {Publication} FOR ALL TABLES", cancellationToken);
        var holder = new LogicalReplicationConnection(connectionString);
        try
        {
            await holder.Open(cancellationToken);
            var slot = await holder.CreatePgOutputReplicationSlot(name, temporarySlot: false, slotSnapshotInitMode: LogicalSlotSnapshotInitMode.Export, cancellationToken: cancellationToken);
            return (holder, slot.SnapshotName!);
        }
        catch
        {
            await holder.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether the slot is there.</summary>
    public Task<bool> HasSlotAsync(CancellationToken cancellationToken) =>
        connection.ValueAsync<bool>("SELECT EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1)", cancellationToken, name);

    /// <summary>Whether the target's server is connected, and how many bytes of log it has not confirmed.</summary>
    /// <exception cref="CopyException">The slot is gone, or the log that it needs.</exception>
    public async Task<(bool IsConnected, long Behind)> LagAsync(CancellationToken cancellationToken) =>
        await connection.QueryAsync(
            "SELECT active, wal_status, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), confirmed_flush_lsn)::bigint FROM pg_catalog.pg_replication_slots WHERE slot_name = $1", cancellationToken, name)
            is [[bool active, string status, long behind]] && status != "lost"
            ? (active, behind)
            : throw new CopyException($"the source has dropped the slot {name}, or log that the target needs: ALTER SYSTEM SET max_slot_wal_keep_size to more there, SELECT pg_reload_conf(), and copy anew, with --abandon and then --replace");

    /// <summary>Lets nobody write any more: new sessions are read-only, those that are there are ended. Returns the position in the log that has all that was written.</summary>
    public async Task<string> CloseAsync(CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync($"ALTER DATABASE {await DatabaseAsync(cancellationToken)} SET default_transaction_read_only = on", cancellationToken);
        object? now = await connection.ValueAsync<DateTime>("SELECT pg_catalog.clock_timestamp()", cancellationToken);
        var until = DateTime.UtcNow + s_patience;
        while (await connection.ValueAsync<long>($"SELECT count(pg_catalog.pg_terminate_backend(pid)) {Writers}", cancellationToken, now) > 0)
        {
            if (DateTime.UtcNow > until)
            {
                throw new CopyException("sessions of the source do not end: see pg_stat_activity there");
            }

            await Task.Delay(10, cancellationToken);
        }

        await RefusePreparedTransactionsAsync(cancellationToken);

        // A commit of its own, so that what was committed asynchronously is in the log too.
        await connection.ExecuteAsync("SET synchronous_commit = local", cancellationToken);
        await connection.ExecuteAsync($"SELECT pg_catalog.pg_logical_emit_message(true, '{Publication}', '')", cancellationToken);
        return (await connection.ValueAsync<string>("SELECT pg_catalog.pg_current_wal_flush_lsn()::text", cancellationToken))!;
    }

    /// <summary>Whether the target has confirmed all up to there.</summary>
    public Task<bool> IsConfirmedAsync(string position, CancellationToken cancellationToken) =>
        connection.ValueAsync<bool>("SELECT confirmed_flush_lsn >= $1::pg_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = $2", cancellationToken, position, name);

    /// <summary>Lets sessions write again.</summary>
    public async Task ReopenAsync() =>
        await connection.ExecuteAsync($"ALTER DATABASE {await DatabaseAsync(CancellationToken.None)} RESET default_transaction_read_only", CancellationToken.None);

    /// <summary>Removes slot and publication; a target that is still connected is cut off.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("SELECT pg_catalog.pg_terminate_backend(active_pid) FROM pg_catalog.pg_replication_slots WHERE slot_name = $1 AND active", cancellationToken, name);
        for (var until = DateTime.UtcNow + s_patience; await HasSlotAsync(cancellationToken);)
        {
            try
            {
                await connection.ExecuteAsync("SELECT pg_catalog.pg_drop_replication_slot($1)", cancellationToken, name);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse && DateTime.UtcNow < until)
            {
                await Task.Delay(50, cancellationToken);
            }
        }

        await connection.ExecuteAsync($"DROP PUBLICATION IF EXISTS {Publication}", cancellationToken);
    }

    /// <summary>What changes are not followed of; a line each.</summary>
    public async Task<List<string>> FindNotFollowedAsync(CancellationToken cancellationToken) =>
        (await connection.QueryAsync(
            $"""
            SELECT 'changes of large objects since the copy began' FROM pg_catalog.pg_largeobject_metadata HAVING count(*) > 0
            UNION ALL SELECT 'changes of unlogged tables since the copy began: ' || string_agg(oid::regclass::text, ', ' ORDER BY oid) FROM pg_catalog.pg_class WHERE relkind = 'r' AND relpersistence = 'u' HAVING count(*) > 0
            UNION ALL SELECT 'materialized views as they are now (REFRESH MATERIALIZED VIEW): ' || string_agg(oid::regclass::text, ', ' ORDER BY oid) FROM pg_catalog.pg_class WHERE relkind = 'm' AND relispopulated HAVING count(*) > 0
            """, cancellationToken)).ConvertAll(r => (string)r[0]!);

    /// <summary>The tables whose changes are followed, with their rows.</summary>
    public static async Task<List<CopiedTable>> FindTablesAsync(NpgsqlConnection side, CancellationToken cancellationToken)
    {
        var unlogged = (await side.QueryAsync(
            "SELECT format('%I.%I', nspname, relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND relpersistence = 'u'", cancellationToken))
            .Select(r => (string)r[0]!).ToHashSet(StringComparer.Ordinal);
        return [.. (await CopiedTable.FindAsync(side, cancellationToken)).Where(t => !unlogged.Contains(t.Name))];
    }

    private async Task<string> DatabaseAsync(CancellationToken cancellationToken) => SqlCalls.Identifier((await connection.ValueAsync<string>("SELECT current_database()::text", cancellationToken))!);
}
