using Pocketgres.Api.Tests.Support;

namespace Pocketgres.Api.Tests;

/// <summary>Clones and snapshots, against whatever POCKETGRES_URL names.</summary>
public sealed class CopyTests
{
    [Fact]
    public async Task A_clone_and_its_original_do_not_see_each_other()
    {
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id");
        await using var clone = await original.CloneAsync();
        Assert.Equal(1000L, await clone.QueryAsync<long>("SELECT count(*) FROM t"));
        await clone.ExecuteAsync("DELETE FROM t WHERE id > 10");
        await original.ExecuteAsync("INSERT INTO t VALUES (0)");
        Assert.Equal(10L, await clone.QueryAsync<long>("SELECT count(*) FROM t"));
        Assert.Equal(1001L, await original.QueryAsync<long>("SELECT count(*) FROM t"));
        Assert.NotEqual(original.ConnectionString, clone.ConnectionString);
    }

    [Fact]
    public async Task A_clone_outlives_its_original_and_can_be_cloned()
    {
        PostgresInstance clone;
        await using (var original = await Database.StartAsync())
        {
            await original.ExecuteAsync("CREATE TABLE t AS SELECT 7 AS n");
            clone = await original.CloneAsync();
        }

        await using (clone)
        {
            await clone.ExecuteAsync("UPDATE t SET n = 8");
            await using var second = await clone.CloneAsync();
            Assert.Equal(8, await second.QueryAsync<int>("SELECT n FROM t"));
        }
    }

    [Fact]
    public async Task What_a_clone_did_is_in_no_later_clone_of_the_snapshot()
    {
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE t AS SELECT generate_series(1, 100) AS id; CREATE SEQUENCE s");
        await using var snapshot = await original.SnapshotAsync();
        const string Look = "SELECT (SELECT count(*) FROM t) || ' ' || nextval('s') || ' ' || (SELECT count(*) FROM pg_class) || ' ' || current_setting('work_mem')"
            + " || ' ' || coalesce(current_setting('my.note', true), '-') || ' ' || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')";
        var seen = new List<string>();
        for (int i = 0; i < 12; i++)
        {
            await using var clone = await snapshot.CloneAsync();
            seen.Add(await clone.QueryAsync<string>(Look));
            await clone.ExecuteAsync("SET work_mem = '1MB'; SET my.note = 'seen'; SELECT pg_advisory_lock(7); CREATE TABLE u (a text); CREATE TEMP TABLE v AS SELECT repeat('x', 1000) FROM generate_series(1, 5000);"
                + "INSERT INTO t SELECT generate_series(1, 1000); DO $$ BEGIN FOR i IN 1..50 LOOP EXECUTE 'SELECT ' || i || ' + count(*) FROM t'; END LOOP; END $$");
        }

        Assert.Single(seen.Distinct());
    }

    [Fact]
    public async Task An_embedded_clone_has_its_own_identity_and_randomness()
    {
        if (Database.IsExternal)
        {
            return; // databases of one server share its identity
        }

        await using var original = await Database.StartAsync();
        await using var one = await original.CloneAsync();
        await using var two = await original.CloneAsync();
        var identifiers = new HashSet<long>();
        var uuids = new HashSet<Guid>();
        foreach (var pg in (PostgresInstance[])[original, one, two])
        {
            identifiers.Add(await pg.QueryAsync<long>("SELECT system_identifier FROM pg_control_system()"));
            uuids.Add(await pg.QueryAsync<Guid>("SELECT gen_random_uuid()"));
        }

        Assert.Equal(3, identifiers.Count);
        Assert.Equal(3, uuids.Count);
    }

    [Fact]
    public async Task What_is_not_committed_is_not_cloned()
    {
        if (Database.IsExternal)
        {
            return; // a server refuses to copy a database in use: the next test
        }

        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE t (n int)");
        await using var connection = await original.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await new Npgsql.NpgsqlCommand("INSERT INTO t VALUES (1)", connection, transaction).ExecuteNonQueryAsync();
        await using var clone = await original.CloneAsync();
        Assert.Equal(0L, await clone.QueryAsync<long>("SELECT count(*) FROM t"));
        await transaction.CommitAsync();
        Assert.Equal(1L, await original.QueryAsync<long>("SELECT count(*) FROM t"));
        Assert.Equal(0L, await clone.QueryAsync<long>("SELECT count(*) FROM t"));
    }

    [Fact]
    public async Task A_database_in_use_on_a_server_cannot_be_cloned_and_that_is_explained()
    {
        if (!Database.IsExternal)
        {
            return;
        }

        await using var original = await Database.StartAsync();
        await using var connection = await original.DataSource.OpenConnectionAsync();
        var e = await Assert.ThrowsAsync<PocketgresException>(() => original.CloneAsync());
        Assert.Contains("close those connections", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clones_under_write_load_are_consistent()
    {
        if (Database.IsExternal)
        {
            return;
        }

        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)");
        await original.ExecuteAsync("INSERT INTO account SELECT i, 100 FROM generate_series(1, 50) i");
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 3).Select(w => Task.Run(async () =>
        {
            for (int i = w; !stop.IsCancellationRequested; i += 3)
            {
                // Both rows in the order of their ids: no deadlocks.
                int from = (i % 49) + 1, to = from + 1;
                await original.ExecuteAsync(
                    $"UPDATE account SET balance = balance + CASE id WHEN {from} THEN -1 ELSE 1 END WHERE id IN (SELECT id FROM account WHERE id IN ({from}, {to}) ORDER BY id FOR UPDATE)");
            }
        })).ToArray();
        for (int i = 0; i < 3; i++)
        {
            await using var clone = await original.CloneAsync();
            Assert.Equal(5000L, await clone.QueryAsync<long>("SELECT sum(balance) FROM account"));
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers);
    }

    [Fact]
    public async Task A_stopped_instance_can_be_cloned()
    {
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE t AS SELECT 7 AS n");
        await original.StopAsync();
        await using var clone = await original.CloneAsync();
        Assert.Equal(7, await clone.QueryAsync<int>("SELECT n FROM t"));
    }

    [Fact]
    public async Task Snapshots_keep_their_state_and_have_names()
    {
        var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE t AS SELECT 1 AS n");
        var snapshot = await original.SnapshotAsync("first");
        await original.ExecuteAsync("UPDATE t SET n = 2");
        Assert.Same(snapshot, original.FindSnapshot("first"));
        Assert.Null(original.FindSnapshot("second"));
        var e = await Assert.ThrowsAsync<ArgumentException>(() => original.SnapshotAsync("first"));
        Assert.Contains("already", e.Message, StringComparison.Ordinal);

        // Many at once, and without the original.
        var clones = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => snapshot.CloneAsync()));
        await original.DisposeAsync();
        await using var late = await snapshot.CloneAsync();
        foreach (var clone in clones.Append(late))
        {
            Assert.Equal(1, await clone.QueryAsync<int>("SELECT n FROM t"));
        }

        await snapshot.DisposeAsync();
        await snapshot.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => snapshot.CloneAsync());
        await clones[0].ExecuteAsync("UPDATE t SET n = 3");
        await Task.WhenAll(clones.Select(c => c.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task A_disposed_snapshot_gives_its_name_back()
    {
        await using var original = await Database.StartAsync();
        await using (await original.SnapshotAsync("s"))
        {
        }

        await using var again = await original.SnapshotAsync("s");
        Assert.Same(again, original.FindSnapshot("s"));
    }

    [Fact]
    public async Task A_clone_may_have_a_port_of_its_own_but_no_other_url()
    {
        if (Database.IsExternal)
        {
            return;
        }

        await using var original = await Database.StartAsync(o => o with { Port = 0 });
        await using var quiet = await original.CloneAsync();
        Assert.Null(quiet.Port);
        await using var open = await original.CloneAsync(o => o with { Port = 0 });
        Assert.NotNull(open.Port);
        Assert.NotEqual(original.Port, open.Port);
        await Assert.ThrowsAsync<ArgumentException>(() => original.CloneAsync(o => o with { Url = "file:/elsewhere" }));
    }

    [Fact]
    public async Task Saving_makes_a_database_of_its_own()
    {
        using var directory = new TemporaryDirectory();
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TABLE t AS SELECT 7 AS n");
        if (Database.IsExternal)
        {
            var refused = await Assert.ThrowsAsync<PocketgresException>(() => original.SaveAsync(directory.Below("saved")));
            Assert.Contains("pg_dump", refused.Message, StringComparison.Ordinal);
            return;
        }

        string path = directory.Below("saved");
        await original.SaveAsync(path);
        await original.ExecuteAsync("UPDATE t SET n = 8");
        await using (var saved = await PostgresInstance.StartAsync("file:" + path))
        {
            Assert.Equal(7, await saved.QueryAsync<int>("SELECT n FROM t"));
            await saved.ExecuteAsync("UPDATE t SET n = 9");
        }

        var e = await Assert.ThrowsAsync<PocketgresException>(() => original.SaveAsync(path));
        Assert.Equal(PocketgresError.DirectoryUnusable, e.Error);
        await using var again = await PostgresInstance.StartAsync("file:" + path);
        Assert.Equal(9, await again.QueryAsync<int>("SELECT n FROM t"));
    }

    [Fact]
    public async Task A_cluster_with_outside_tablespaces_is_not_copied()
    {
        if (Database.IsExternal)
        {
            return;
        }

        using var directory = new TemporaryDirectory();
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync($"CREATE TABLESPACE elsewhere LOCATION '{directory.Path}'");
        var e = await Assert.ThrowsAsync<PocketgresException>(() => original.CloneAsync());
        Assert.Contains("DROP TABLESPACE", e.Message, StringComparison.Ordinal);
        await original.ExecuteAsync("DROP TABLESPACE elsewhere");
        await using var clone = await original.CloneAsync();
    }

    [Fact]
    public async Task Temporary_directories_go_with_their_instances()
    {
        using var directory = new TemporaryDirectory();
        await using (var pg = await PostgresInstance.StartTemporaryAsync(new PostgresInstanceOptions { Url = "file:" + directory.Below("data") }))
        {
            await using var clone = await pg.CloneAsync();
            await using var snapshot = await clone.SnapshotAsync();
            Assert.Equal(3, Directory.GetDirectories(directory.Path).Length);
        }

        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public async Task What_a_killed_process_left_is_removed_and_what_is_in_use_is_not()
    {
        using var directory = new TemporaryDirectory();
        string left = directory.Below("data.temporary-left"), used = directory.Below("data.temporary-used");
        foreach (string path in (string[])[left, used])
        {
            Directory.CreateDirectory(path);
            await File.WriteAllTextAsync(path + ".lock", "");
        }

        using (new FileStream(used + ".lock", FileMode.Open, FileAccess.ReadWrite, FileShare.None))
        {
            await using var pg = await PostgresInstance.StartTemporaryAsync(new PostgresInstanceOptions { Url = "file:" + directory.Below("data") });
            Assert.False(Directory.Exists(left));
            Assert.True(Directory.Exists(used));
        }
    }

    [Fact]
    public async Task Clones_of_a_snapshot_know_its_types_and_their_own()
    {
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE point2 AS (x int, y int); CREATE EXTENSION citext");
        await using var snapshot = await original.SnapshotAsync();
        for (int i = 0; i < 6; i++)
        {
            await using var clone = await snapshot.CloneAsync();
            await using var connection = await clone.DataSource.OpenConnectionAsync();
            await using (var command = new Npgsql.NpgsqlCommand("SELECT $1, ARRAY['a']::citext[]", connection))
            {
                command.Parameters.Add(new Npgsql.NpgsqlParameter { Value = "happy", DataTypeName = "mood" });
                await using var reader = await command.ExecuteReaderAsync();
                Assert.True(await reader.ReadAsync());
                Assert.Equal("public.mood", reader.GetDataTypeName(0));
                Assert.Equal("happy", reader.GetString(0));
                Assert.Equal(["a"], reader.GetFieldValue<string[]>(1));
            }

            // A type of its own, of the same number in each clone but not the same type.
            await new Npgsql.NpgsqlCommand(i % 2 == 0 ? "CREATE TYPE own AS ENUM ('even')" : "CREATE DOMAIN own AS int", connection).ExecuteNonQueryAsync();
            await connection.ReloadTypesAsync();
            await using var own = new Npgsql.NpgsqlCommand(i % 2 == 0 ? "SELECT 'even'::own" : "SELECT 5::own", connection);
            Assert.Equal(i % 2 == 0 ? "even" : 5, await own.ExecuteScalarAsync());
        }
    }

    [Fact]
    public async Task Clones_that_share_type_mappings_map_as_others_do()
    {
        await using var original = await Database.StartAsync();
        await original.ExecuteAsync("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE point2 AS (x int, y int)");
        await using var snapshot = await original.SnapshotAsync();
        var clone = await snapshot.CloneAsync();
        try
        {
            // Known some time after the second clone was started; never of a server elsewhere.
            for (int i = 0; clone.Backend.Mappings is null && original.Url.StartsWith("memory:", StringComparison.Ordinal); i++)
            {
                Assert.True(i < 500, "the mappings never became known");
                await clone.DisposeAsync();
                clone = await snapshot.CloneAsync();
            }

            await using var own = new Npgsql.NpgsqlDataSourceBuilder(clone.ConnectionString).Build();
            string[] values =
            [
                "1::int", "1::int8", "1.5::numeric", "true", "'a'", "'a'::bytea", "'2024-01-02'::date", "now()::timestamp - now()::timestamp", "'2024-01-02 UTC'::timestamptz",
                "ARRAY[1,2]", "ARRAY['a']", "'{1,NULL}'::int[]", "int4range(1,5)", "'{[1,2],[5,6]}'::int4multirange", "ARRAY[int4range(1,5)]", "'{\"a\":1}'::jsonb", "'10.0.0.1'::inet",
                "'(1,2)'::point", "'a b'::tsvector", "'happy'::mood", "ARRAY['happy']::mood[]", "(1,2)::point2", "(1,'a')", "gen_random_uuid() IS NULL", "'5'::xid", "null",
            ];
            foreach (string value in values)
            {
                Assert.Equal((value, await ReadAsync(own, value)), (value, await ReadAsync(clone.DataSource, value)));
            }

            foreach (object parameter in new object[] { 1, 1L, "a", 1.5m, new[] { 1, 2 }, new List<string> { "a" }, Guid.Empty, DateTime.UnixEpoch, new Dictionary<string, int>(), this })
            {
                Assert.Equal(await WriteAsync(own, parameter), await WriteAsync(clone.DataSource, parameter));
            }
        }
        finally
        {
            await clone.DisposeAsync();
        }

        await using var mapped = await snapshot.CloneAsync(o => o with { ConfigureDataSource = b => b.MapEnum<Mood>("mood") });
        await using var command = mapped.DataSource.CreateCommand("SELECT 'happy'::mood");
        Assert.Equal(Mood.Happy, await command.ExecuteScalarAsync());

#pragma warning disable CS0618 // Obsolete is not gone.
        Npgsql.NpgsqlConnection.GlobalTypeMapper.MapEnum<Mood>("mood");
        try
        {
            await using var global = await snapshot.CloneAsync();
            await using var other = global.DataSource.CreateCommand("SELECT 'sad'::mood");
            Assert.Equal(Mood.Sad, await other.ExecuteScalarAsync());
        }
        finally
        {
            Npgsql.NpgsqlConnection.GlobalTypeMapper.UnmapEnum<Mood>("mood");
        }
#pragma warning restore CS0618

        static async Task<string> ReadAsync(Npgsql.NpgsqlDataSource source, string value)
        {
            await using var command = source.CreateCommand("SELECT " + value);
            await using var reader = await command.ExecuteReaderAsync();
            Assert.True(await reader.ReadAsync());
            string type = "";
            try
            {
                type = reader.GetFieldType(0).ToString();
                object read = reader.GetValue(0);
                return $"{type} {read.GetType()} {System.Text.Json.JsonSerializer.Serialize(read is System.Collections.IEnumerable list and not string ? string.Join(';', list.Cast<object?>()) : read.ToString())}";
            }
            catch (Exception e) when (e is InvalidCastException or NotSupportedException or InvalidOperationException)
            {
                return $"{type} {e.GetType()} {e.Message}";
            }
        }

        static async Task<string> WriteAsync(Npgsql.NpgsqlDataSource source, object value)
        {
            await using var command = source.CreateCommand("SELECT pg_typeof($1)::text || $1::text");
            command.Parameters.Add(new Npgsql.NpgsqlParameter { Value = value });
            try
            {
                return (string)(await command.ExecuteScalarAsync())!;
            }
            catch (Exception e) when (e is InvalidCastException or NotSupportedException or InvalidOperationException)
            {
                return $"{e.GetType()} {e.Message}";
            }
        }
    }

    [Fact]
    public async Task Clones_of_a_snapshot_share_a_directory_and_no_address()
    {
        var addresses = new HashSet<string>();
        string directory = "";
        var original = await PostgresInstance.StartAsync("memory:");
        var snapshot = await original.SnapshotAsync();
        await original.DisposeAsync();
        for (int i = 0; i < 3; i++)
        {
            await using var clone = await snapshot.CloneAsync();
            var address = new Npgsql.NpgsqlConnectionStringBuilder(clone.ConnectionString);
            directory = address.Host!;
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory));
            Assert.True(addresses.Add($"{directory} {address.Port}"));
            Assert.Null(clone.Port);
            Assert.True(File.Exists(Path.Combine(directory, $".s.PGSQL.{address.Port}")));
        }

        Assert.Single(addresses.Select(a => a.Split(' ')[0]).Distinct());
        await using (var last = await snapshot.CloneAsync())
        {
            await snapshot.DisposeAsync();
            Assert.Equal(1, await last.QueryAsync<int>("SELECT 1"));
        }

        // The types of a snapshot are read in one more clone, in the background; disposing the snapshot has waited for it.
        Assert.False(Directory.Exists(directory));
    }

    private enum Mood
    {
        Sad,
        Happy,
    }
}
