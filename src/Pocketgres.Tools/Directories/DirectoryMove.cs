using Npgsql;
using Pocketgres.Copying;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Sql;

namespace Pocketgres.Directories;

/// <summary>
/// Copies a directory between native PostgreSQL and this program. The copy is recovered, looked at and put right under another name, and appears at its place when nothing is left to do: whatever
/// happens before, there is nothing.
/// </summary>
internal sealed class DirectoryMove
{
    private const string ReindexScript = "pocketgres-reindex.sql";

    private readonly MoveOptions _options;
    private readonly List<string> _notes = [];

    private DirectoryMove(MoveOptions options) => _options = options;

    private string There => _options.Kind == MoveKind.ToPGlite ? "in PGlite" : "natively";

    /// <summary>Does it.</summary>
    /// <param name="from">The directory that is copied, or an archive of one.</param>
    /// <param name="to">A new or empty directory; for PGlite the archive's file.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Cancels; nothing is left.</param>
    /// <returns>Lines about what the copy has otherwise.</returns>
    /// <exception cref="ClusterException">A directory cannot be used.</exception>
    /// <exception cref="CopyException">The copy would not be right; the message says what to do.</exception>
    public static IReadOnlyList<string> Run(string from, string to, MoveOptions options, CancellationToken cancellationToken)
    {
        using var source = ClusterSource.Open(from);
        if ((Path.GetFullPath(to).TrimEnd('/') + "/").StartsWith(source.Path.TrimEnd('/') + "/", StringComparison.Ordinal))
        {
            throw new CopyException($"not copied: {to} is in {from}: choose another place");
        }

        var move = new DirectoryMove(options);
        if (options.Kind == MoveKind.ToPGlite)
        {
            PGliteArchive.Create(to, path => move.Fill(source, path, cancellationToken), options.Report, cancellationToken);
            return move._notes;
        }

        bool isNew = !Path.Exists(to);
        try
        {
            DataDirectory.Create(to, (_, path) =>
            {
                move.Fill(source, path, cancellationToken);
                if (options.IsTrial)
                {
                    throw new TrialException();
                }
            });
        }
        catch (TrialException)
        {
            // Whatever the attempt wrote is gone, as after any failure.
        }
        finally
        {
            if (isNew && Directory.Exists(to) && !Directory.EnumerateFileSystemEntries(to).Any())
            {
                Directory.Delete(to);
            }
        }

        return move._notes;
    }

    private void Fill(ClusterSource source, string path, CancellationToken cancellationToken) => FillAsync(source, path, cancellationToken).GetAwaiter().GetResult();

    private async Task FillAsync(ClusterSource source, string path, CancellationToken cancellationToken)
    {
        source.CopyTo(path, new ByteCount(bytes => _options.Report(DirectoryPhase.Copying, bytes)), cancellationToken);
        if (!source.IsClean && !_options.IsSnapshot)
        {
            _notes.Add("the source was not stopped in order: the copy was recovered from its log");
        }

        if (source.Slots.Count > 0)
        {
            _notes.Add($"replication slots are not in the copy: {string.Join(", ", source.Slots)}");
        }

        bool isNarrow = !source.Control.Float8ByValue;
        if (isNarrow && !_options.IsImport)
        {
            throw new CopyException("not copied: the directory is of a 32-bit server: pocketgres import-pgdata makes one of this server's of it");
        }

        if (_options.Kind == MoveKind.ToPGlite)
        {
            RefusePrepared(path);
        }

        if (_options.IsImport)
        {
            await AdaptSettingsAsync(source, path, cancellationToken);
        }

        if (isNarrow)
        {
            await WidenAsync(source, path, cancellationToken);
        }

        await using (var cluster = await CopiedCluster.StartAsync(path, _options.User, _options.Logger, cancellationToken))
        {
            if (isNarrow)
            {
                await ConvertAsync(cluster, WordSize.Eight, cancellationToken);
            }

            await PutRightAsync(cluster, path, isNarrow, cancellationToken);
            if (_options.Kind == MoveKind.ToPGlite)
            {
                await ConvertAsync(cluster, WordSize.Four, cancellationToken);
            }
        }

        CheckStopped(path);
        if (_options.Kind == MoveKind.ToNative)
        {
            await LeaveAsync(path, cancellationToken);
        }
        else if (_options.Kind == MoveKind.ToPGlite)
        {
            _notes.AddRange(PGliteArchive.Leave(path));
            CatalogPages.Convert(path, WordSize.Four, cancellationToken);
        }
    }

    // The log comes first, and its pages are of the source's form. No session may be between the two.
    private async Task WidenAsync(ClusterSource source, string path, CancellationToken cancellationToken)
    {
        if (!source.IsClean)
        {
            CatalogPages.SetControl(path, WordSize.Eight);
            await CopiedCluster.RecoverAsync(path, _options.User, _options.Logger, cancellationToken);
            CheckStopped(path);
        }

        RefusePrepared(path);
        CatalogPages.Convert(path, WordSize.Eight, cancellationToken);
        File.Delete(Path.Combine(path, EngineStamp.Name)); // of a version with the other engine; the first start writes its own
        _notes.Add("the catalogs of a 32-bit server (PGlite, or pocketgres with PGlite's engine) were converted");
    }

    private async Task ConvertAsync(CopiedCluster cluster, WordSize to, CancellationToken cancellationToken) => await cluster.InEachDatabaseAsync(
        async (database, connection) =>
        {
            _options.Report(DirectoryPhase.Converting, 0, database);
            foreach (string view in await StoredExpressions.ConvertAsync(connection, to, cancellationToken))
            {
                _notes.Add($"database {database}: the materialized view {view} shows stored expressions: REFRESH MATERIALIZED VIEW");
            }
        },
        cancellationToken,
        asBytes: true);

    // Versions of rows that no statement sees yet would stay as they are.
    private static void RefusePrepared(string path)
    {
        if (Directory.EnumerateFileSystemEntries(Path.Combine(path, "pg_twophase")).Any())
        {
            throw new CopyException("not copied: there are prepared transactions: COMMIT PREPARED or ROLLBACK PREPARED them in the source first");
        }
    }

    private static void CheckStopped(string path)
    {
        if (ControlFile.Parse(File.ReadAllBytes(Path.Combine(path, ControlFile.Name))).State != ClusterState.ShutDown)
        {
            throw new CopyException("the copy's server did not stop in order: see its log above");
        }
    }

    private async Task AdaptSettingsAsync(ClusterSource source, string path, CancellationToken cancellationToken)
    {
        if (ImportedSettings.Complete(path, source.Path, _options.Configuration) is { } note)
        {
            _notes.Add(note);
        }

        await using var probe = await CopiedCluster.StartAsync(null, MoveOptions.DefaultUser, null, cancellationToken);
        await using var connection = await probe.OpenAsync("template1", cancellationToken);
        _notes.AddRange((await ImportedSettings.AdaptAsync(path, connection, cancellationToken)).Select(n => "commented out: " + n));
    }

    private async Task PutRightAsync(CopiedCluster cluster, string path, bool isNarrow, CancellationToken cancellationToken)
    {
        var refusals = new List<string>();
        var indexes = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        await cluster.InEachDatabaseAsync(async (database, connection) =>
        {
            if (_options.IsImport)
            {
                refusals.AddRange((await LackingAsync(connection, cancellationToken)).Select(l => $"database {database}: {l}"));
                foreach (string subscription in await SortOrder.TextsAsync(
                             connection, "SELECT quote_ident(subname) FROM pg_catalog.pg_subscription WHERE subenabled AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())", cancellationToken))
                {
                    await connection.ExecuteAsync($"ALTER SUBSCRIPTION {subscription} DISABLE", cancellationToken);
                    _notes.Add($"database {database}: the subscription {subscription} is disabled in the copy, for the source's would receive from the same slot");
                }
            }

            if (_options.Kind == MoveKind.ToPGlite && await SortOrder.TextsAsync(connection, "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1", cancellationToken) is { Count: > 0 } extensions)
            {
                _notes.Add($"database {database}: give PGlite what it needs in its option extensions: {string.Join(", ", extensions)}");
            }

            var order = await SortOrder.FindAsync(connection, libc: _options.Kind != MoveKind.ToPGlite && !isNarrow, allOfIcu: _options.Kind == MoveKind.ToPGlite, cancellationToken);
            if (order.DefaultCollation is { } collation)
            {
                _notes.Add($"database {database}: texts without a COLLATE of their own sort {(_options.IsImport ? "here" : There)} otherwise than in the source (default collation {collation})");
            }

            refusals.AddRange(order.Partitions.Select(p =>
                $"database {database}: the table {p} is partitioned by ranges of texts, whose order is another one here and {(_options.IsImport ? "in the source" : There)}: take it over with pocketgres dump and restore, or pocketgres copy"));
            indexes[database] = order.Indexes;
        }, cancellationToken);
        if (refusals.Count > 0)
        {
            throw new CopyException($"not copied: {string.Join("; ", refusals)}");
        }

        if (indexes.Any(i => i.Value.Count > 0))
        {
            await ReindexAsync(cluster, indexes, path, cancellationToken);
        }

        if (_options.IsImport)
        {
            await cluster.InEachDatabaseAsync((_, connection) => connection.ExecuteAsync(
                "UPDATE pg_catalog.pg_collation SET collversion = pg_catalog.pg_collation_actual_version(oid) WHERE collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(oid)", cancellationToken), cancellationToken);
            await using var main = await cluster.OpenAsync("template1", cancellationToken);
            await main.ExecuteAsync(
                "UPDATE pg_catalog.pg_database SET datcollversion = pg_catalog.pg_database_collation_actual_version(oid) WHERE datcollversion IS DISTINCT FROM pg_catalog.pg_database_collation_actual_version(oid)", cancellationToken);
        }
    }

    private async Task ReindexAsync(CopiedCluster cluster, Dictionary<string, IReadOnlyList<string>> indexes, string path, CancellationToken cancellationToken)
    {
        string all = string.Join(", ", indexes.SelectMany(d => d.Value.Select(i => $"{d.Key}: {i}")));
        if (_options.Kind == MoveKind.ToPGlite)
        {
            _notes.Add($"PGlite has another version of ICU: REINDEX INDEX these there before anything else: {all}");
            return;
        }

        if (_options.Kind == MoveKind.ToNative)
        {
            await File.WriteAllTextAsync(
                Path.Combine(path, ReindexScript),
                string.Concat(indexes.Where(d => d.Value.Count > 0).Select(d => $"\\connect {SqlCalls.Identifier(d.Key)}\n" + string.Concat(d.Value.Select(i => $"REINDEX INDEX {i};\n")))), cancellationToken);
            _notes.Add($"these indexes sort otherwise natively: run psql -f {ReindexScript}, which is in the directory, before anything else: {all}");
            return;
        }

        if (!_options.Reindex)
        {
            throw new CopyException($"not copied: these indexes are sorted by a locale of the source's C library, or by another version of ICU, and must be built anew, give --reindex: {all}");
        }

        await cluster.InEachDatabaseAsync(async (database, connection) =>
        {
            foreach (string index in indexes[database])
            {
                _options.Report(DirectoryPhase.Reindexing, 0, index);
                await connection.ExecuteAsync($"REINDEX INDEX {index}", cancellationToken);
                _notes.Add($"database {database}: built anew: {index}");
            }
        }, cancellationToken);
    }

    // What a database's extensions and functions need and this build does not have.
    private async Task<List<string>> LackingAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var lacking = (await SortOrder.TextsAsync(
            connection, "SELECT extname::text FROM pg_catalog.pg_extension WHERE extname NOT IN (SELECT name FROM pg_catalog.pg_available_extensions)", cancellationToken))
            .Select(e => $"this build does not have the extension {e}: DROP EXTENSION in the source, or take the database over with pocketgres dump and restore").ToList();
        foreach (string library in await SortOrder.TextsAsync(connection,
                     """
                     SELECT DISTINCT probin FROM pg_catalog.pg_proc p WHERE probin IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                         WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND e.extname NOT IN (SELECT name FROM pg_catalog.pg_available_extensions))
                     """, cancellationToken))
        {
            if (await ImportedSettings.LacksAsync(connection, library, cancellationToken))
            {
                lacking.Add($"this build does not have the library {library} of functions in C: drop them in the source");
            }
        }

        foreach (string version in await SortOrder.TextsAsync(connection,
                     """
                     SELECT format('%s %s, this build has %s', extname, extversion, default_version) FROM pg_catalog.pg_extension JOIN pg_catalog.pg_available_extensions ON name = extname
                     WHERE extversion <> default_version AND extversion NOT IN (SELECT version FROM pg_catalog.pg_available_extension_versions v WHERE v.name = extname)
                     """, cancellationToken))
        {
            _notes.Add($"database {connection.Database}: extension {version}: see whether ALTER EXTENSION UPDATE has a way");
        }

        return lacking;
    }

    // What only this program's server knows.
    private async Task LeaveAsync(string path, CancellationToken cancellationToken)
    {
        string preload = Path.Combine(path, PreloadList.Name);
        if (File.Exists(preload))
        {
            string libraries = string.Join(", ", (await File.ReadAllLinesAsync(preload, cancellationToken)).Where(l => l.Length > 0));
            if (!ConfigurationFile.ReadAll(Path.Combine(path, "postgresql.conf")).SelectMany(f => f.Settings).Any(s => s.Name == PreloadList.Parameter))
            {
                await File.AppendAllTextAsync(Path.Combine(path, "postgresql.conf"), $"\n{PreloadList.Parameter} = {SqlCalls.Literal(libraries)}\n", cancellationToken);
                _notes.Add($"postgresql.conf: {PreloadList.Parameter} = '{libraries}' was added: the native server needs these libraries");
            }
        }

        foreach (string file in Directory.EnumerateFiles(path, "pocketgres.*"))
        {
            File.Delete(file);
        }
    }

    private sealed class TrialException : Exception;

    // Progress<T> would call on the pool, after the end even.
    private sealed class ByteCount(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
