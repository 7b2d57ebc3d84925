using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Faults;

/// <summary>
/// Each kind of failing call on each kind of file is what PostgreSQL makes of it: an ERROR of the statement, a checkpoint that is tried again, or a PANIC
/// and recovery. Afterwards the power goes, and everything acknowledged is there.
/// </summary>
public sealed class IoErrorTests : IDisposable
{
    const int Rows = 500;

    readonly PowerLossFileSystem _power = new(new MemoryFileSystem());
    readonly FaultFileSystem _files;

    public IoErrorTests() => _files = new FaultFileSystem(_power);

    public void Dispose() => _power.Free();

    [Fact]
    public async Task A_page_that_cannot_be_read_is_an_error_and_the_session_goes_on()
    {
        string table;
        await using (EmbeddedServer first = await StartAsync())
        {
            table = await CreateAsync(first);
            await first.Cluster.StopAsync(); // nothing stays in the cache
        }

        await using EmbeddedServer server = await StartAsync();
        await using NpgsqlConnection session = await server.OpenAsync();
        Fail(FileOperations.Read, path => path == table, Errno.EIO, long.MaxValue);
        PostgresException e = await session.ExecuteAsync("do $$ begin perform * from t; end $$").FailsAsync("58030");
        Assert.Equal("ERROR", e.Severity);
        Assert.Contains("could not read blocks", e.MessageText, StringComparison.Ordinal);
        _files.Clear();
        await using NpgsqlConnection next = await server.OpenAsync(); // Npgsql gives up a connection after such an error
        Assert.Equal(Rows, await next.ScalarAsync<long>("select count(*) from t"));
        Assert.DoesNotContain(server.Log, l => l.Severity == "PANIC");
    }

    [Theory]
    [InlineData(Errno.EIO, "58030")]
    [InlineData(Errno.ENOSPC, "53100")]
    public async Task A_page_that_cannot_be_written_fails_the_checkpoint_which_is_tried_again(Errno error, string state)
    {
        await using EmbeddedServer server = await StartAsync();
        string table = await CreateAsync(server);
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("insert into t select i, 'more' from generate_series(1, 100) i");
        Fail(FileOperations.Write, path => path == table, error, long.MaxValue);
        await session.ExecuteAsync("checkpoint").FailsAsync("XX000");
        Assert.Contains(server.Log, l => l.Severity == "ERROR" && l.SqlState == state && l.BackendType is "checkpointer" or "background writer");
        _files.Clear();
        await using NpgsqlConnection next = await server.OpenAsync();
        await next.ExecuteAsync("checkpoint");
        Assert.DoesNotContain(server.Log, l => l.Severity == "PANIC");
        await KeptAsync(server, Rows + 100);
    }

    [Theory]
    [InlineData("a table's file", FileOperations.Sync, Errno.EIO, "could not fsync file")]
    [InlineData("pg_control", FileOperations.Write, Errno.EIO, "global/pg_control")]
    [InlineData("pg_control", FileOperations.Write, Errno.ENOSPC, "global/pg_control")]
    [InlineData("pg_control", FileOperations.Sync, Errno.EIO, "global/pg_control")]
    [InlineData("the commit log", FileOperations.Sync, Errno.EIO, "could not fsync file")]
    public async Task What_a_checkpoint_cannot_make_durable_is_a_panic_and_recovery(string what, FileOperations operation, Errno error, string words)
    {
        await using EmbeddedServer server = await StartAsync();
        string table = await CreateAsync(server);
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("insert into t select i, 'more' from generate_series(1, 100) i");
            Fail(operation, path => what switch { "pg_control" => path == "/global/pg_control", "the commit log" => path.StartsWith("/pg_xact/", StringComparison.Ordinal), _ => path == table }, error, 1);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => session.ExecuteAsync("checkpoint"));
        }

        await server.RecoveredAsync(words);
        await KeptAsync(server, Rows + 100);
    }

    [Theory]
    [InlineData(FileOperations.Write, Errno.EIO, "could not write to log file")]
    [InlineData(FileOperations.Sync, Errno.EIO, "could not fdatasync file")]
    public async Task A_log_that_cannot_be_written_is_a_panic_and_recovery(FileOperations operation, Errno error, string words)
    {
        await using EmbeddedServer server = await StartAsync();
        await CreateAsync(server);
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            Fail(operation, path => path.StartsWith("/pg_wal/0", StringComparison.Ordinal), error, 1);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => session.ExecuteAsync("insert into t values (0, 'in doubt')"));
        }

        await server.RecoveredAsync(words);
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("delete from t where i = 0; insert into t values (-1, 'after')");
        }

        await KeptAsync(server, Rows + 1);
    }

    [Theory]
    [InlineData(Errno.ENOSPC, "53100")]
    [InlineData(Errno.EIO, "58030")]
    public async Task A_temporary_file_that_cannot_be_written_is_an_error_and_is_removed(Errno error, string state)
    {
        await using EmbeddedServer server = await StartAsync();
        await CreateAsync(server);
        await using NpgsqlConnection session = await server.OpenAsync();
        Fail(FileOperations.Write, path => path.Contains("/pgsql_tmp", StringComparison.Ordinal), error, long.MaxValue);
        const string sort = "set work_mem = '64kB'; select count(*) from (select * from generate_series(1, 50000) i order by md5(i::text)) s";
        await session.ScalarAsync<long>(sort).FailsAsync(state);
        Assert.True(_files.Injected > 0);
        _files.Clear();
        await using NpgsqlConnection next = await server.OpenAsync();
        Assert.Equal(50_000, await next.ScalarAsync<long>(sort));
        await Wait.UntilAsync(() => FileTree.List(_power, "/base/pgsql_tmp").Count == 0, "no temporary file is left");
        Assert.DoesNotContain(server.Log, l => l.Severity == "PANIC");
        await KeptAsync(server, Rows);
    }

    [Theory]
    [InlineData(FileOperations.Read)]
    [InlineData(FileOperations.Open)]
    public async Task A_log_that_cannot_be_read_in_recovery_refuses_the_start_and_harms_nothing(FileOperations operation)
    {
        await using (EmbeddedServer server = await StartAsync())
        {
            await CreateAsync(server);
            await server.KillAsync();
        }

        Fail(operation, path => path.StartsWith("/pg_wal/0", StringComparison.Ordinal), Errno.EIO, long.MaxValue);
        var refused = await Assert.ThrowsAsync<ClusterException>(StartAsync);
        Assert.Equal(ClusterError.StartFailed, refused.Error);
        Assert.Contains("I/O error", refused.Message, StringComparison.Ordinal);
        _files.Clear();
        await using EmbeddedServer repaired = await StartAsync();
        await KeptAsync(repaired, Rows);
    }

    /// <summary>A native PostgreSQL 18 answers "in recovery mode" for ever then.</summary>
    [Fact]
    public async Task A_recovery_after_a_crash_that_fails_ends_the_server()
    {
        await using (EmbeddedServer server = await StartAsync())
        {
            await CreateAsync(server);
            await using NpgsqlConnection session = await server.OpenAsync();
            Fail(FileOperations.Write, path => path == "/global/pg_control", Errno.EIO, long.MaxValue);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => session.ExecuteAsync("checkpoint"));

            await Wait.ForAsync(server.Cluster.Completion, "the end of the server");
            Assert.True(server.Log.Count(l => l.Severity == "PANIC") >= 2, server.LogTail);
        }

        _files.Clear();
        await using EmbeddedServer repaired = await StartAsync();
        await KeptAsync(repaired, Rows);
    }

    /// <summary>A native PostgreSQL 18 never ends then, whether the startup process takes notice of the request or is done by then.</summary>
    [Theory]
    [InlineData("reinitializing")]
    [InlineData("checkpoint starting: end-of-recovery")]
    public async Task A_fast_shutdown_in_the_restart_after_a_crash_ends_the_server(string moment)
    {
        await using (EmbeddedServer server = await StartAsync())
        {
            await CreateAsync(server);
            await using NpgsqlConnection session = await server.OpenAsync();
            Fail(FileOperations.Sync, path => path.StartsWith("/pg_wal/0", StringComparison.Ordinal), Errno.EIO, 1);
            var stop = new TaskCompletionSource();
            server.Cluster.LogWritten += entry =>
            {
                if (entry.Message.Contains(moment, StringComparison.Ordinal))
                {
                    _ = server.Cluster.StopAsync(); // only posts the signal
                    stop.TrySetResult();
                }
            };
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => session.ExecuteAsync("insert into t values (0, 'in doubt'); delete from t where i = 0"));
            await Wait.ForAsync(stop.Task, "the crash");
            await Wait.ForAsync(server.Cluster.Completion, "the end of the server");
        }

        await using EmbeddedServer next = await StartAsync();
        await KeptAsync(next, Rows);
    }

    /// <summary>Line 8 of that file is how others see that the server is ready; a disk that fails there must not make the start wait for ever.</summary>
    [Fact]
    public async Task A_postmaster_pid_that_cannot_be_written_does_not_hold_up_the_start()
    {
        await using (EmbeddedServer server = await StartAsync())
        {
            await CreateAsync(server);
            await server.Cluster.StopAsync();
        }

        int started = 0, refused = 0;
        for (int n = 1; ; n++)
        {
            _files.Clear();
            long before = _files.Injected;
            _files.Add(new FaultRule { Path = path => path == "/postmaster.pid", Operations = FileOperations.Open | FileOperations.Read | FileOperations.Write | FileOperations.Sync, First = n });
            try
            {
                await using EmbeddedServer server = await Wait.ForAsync(StartAsync(), "the start, which itself gives up after minutes");
                await using NpgsqlConnection session = await server.OpenAsync();
                Assert.Equal(Rows, await session.ScalarAsync<long>("select count(*) from t"));
                started++;
            }
            catch (ClusterException e)
            {
                Assert.Contains("postmaster.pid", e.Message, StringComparison.Ordinal);
                refused++;
            }

            if (_files.Injected == before)
            {
                break;
            }
        }

        Assert.True(started > 3 && refused > 1, $"{started} started, {refused} refused");
    }

    Task<EmbeddedServer> StartAsync() => EmbeddedServer.StartAsync(_files, ("full_page_writes", "on"));

    void Fail(FileOperations operations, Func<string, bool> path, Errno error, long count) => _files.Add(new FaultRule
    {
        Operations = operations,
        Path = path,
        Error = error,
        Count = count,
        Happened = call =>
        {
            if (call.Operation == FileOperations.Sync)
            {
                _power.LoseUnsynced(call.Path);
            }
        },
    });

    /// <summary>A table with rows, on the disk; its file.</summary>
    static async Task<string> CreateAsync(EmbeddedServer server)
    {
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync($"create table t (i int, v text); insert into t select i, repeat('v', 200) from generate_series(1, {Rows}) i; checkpoint");
        return "/" + await session.ScalarAsync<string>("select pg_relation_filepath('t')");
    }

    /// <summary>The rows are there now, and after a power cut.</summary>
    async Task KeptAsync(EmbeddedServer server, long rows)
    {
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            Assert.Equal(rows, await session.ScalarAsync<long>("select count(*) from t"));
        }

        using MemoryFileSystem disk = _power.CutPower();
        await server.KillAsync();
        await using EmbeddedServer restarted = await EmbeddedServer.StartAsync(new FaultFileSystem(disk));
        await using NpgsqlConnection check = await restarted.OpenAsync();
        Assert.Equal(rows, await check.ScalarAsync<long>("select count(*) from t"));
    }
}
