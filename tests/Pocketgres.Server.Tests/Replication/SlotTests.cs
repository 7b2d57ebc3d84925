using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>Replication slots: what survives, who may use them, how they are given up.</summary>
public class SlotTests
{
    [Fact]
    public async Task Slots_survive_a_restart_and_a_crash()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions { DataDirectory = directory.Combine("data") };
        TestServer server = await TestServer.StartAsync(options);
        try
        {
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await session.ExecuteAsync("create table t (i int)");
                await session.ExecuteAsync("select pg_create_logical_replication_slot('text', 'test_decoding'), pg_create_physical_replication_slot('bytes', true)");
                await session.ExecuteAsync("insert into t values (1)");
            }

            Assert.Equal(0, await server.StopAsync());
            await server.DisposeAsync();
            server = await TestServer.StartAsync(options);
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                Assert.Equal(["bytes", "text"], await session.ColumnAsync<string>("select slot_name::text from pg_replication_slots where wal_status = 'reserved' order by 1"));
                await session.ExecuteAsync("insert into t values (2)");
            }

            await server.KillAsync();
            await server.DisposeAsync();
            server = await TestServer.StartAsync(options);
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                await session.ExecuteAsync("insert into t values (3)");
                const string Changes = "select data from pg_logical_slot_get_changes('text', null, null, 'include-xids', '0', 'skip-empty-xacts', '1') where data like 'table%'";
                Assert.Equal([.. Enumerable.Range(1, 3).Select(i => $"table public.t: INSERT: i[integer]:{i}")], await session.ColumnAsync<string>(Changes));
                Assert.Equal([], await session.ColumnAsync<string>(Changes));
            }

            Assert.Equal(0, await server.StopAsync());
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_slot_has_one_user_who_can_be_replaced_or_cancelled()
    {
        await using TestServer server = await TestServer.StartAsync(new ServerOptions());
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("create table t (i int); create publication p for table t");
        await using var first = new LogicalReplicationConnection(server.ConnectionString());
        await first.Open();
        PgOutputReplicationSlot slot = await first.CreatePgOutputReplicationSlot("one");
        var publication = new PgOutputReplicationOptions("p", PgOutputProtocolVersion.V1);
        Task reading = ReadAsync(first, CancellationToken.None);
        await Wait.UntilAsync(() => session.ScalarAsync<bool>("select active from pg_replication_slots where slot_name = 'one'"), "the slot is in use");

        await using (var second = new LogicalReplicationConnection(server.ConnectionString()))
        {
            await second.Open();
            await ReadAsync(second, CancellationToken.None).FailsAsync("55006");
        }

        await session.ExecuteAsync("select pg_drop_replication_slot('one')").FailsAsync("55006");
        await session.ExecuteAsync("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'one'");
        await reading.FailsAsync("57P01");
        await Wait.UntilAsync(() => session.ScalarAsync<bool>("select not active from pg_replication_slots where slot_name = 'one'"), "the slot is free");

        // Npgsql ends START_REPLICATION by a cancel request: 57014 on the wire, cancellation to the caller.
        await using (var third = new LogicalReplicationConnection(server.ConnectionString()))
        {
            await third.Open();
            using var cancel = new CancellationTokenSource();
            Task cancelled = ReadAsync(third, cancel.Token);
            await Wait.UntilAsync(() => session.ScalarAsync<bool>("select active from pg_replication_slots where slot_name = 'one'"), "the slot is in use again");
            await cancel.CancelAsync();
            OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.ForAsync(cancelled, "the end of the stream"));
            Assert.Equal("57014", Assert.IsType<PostgresException>(e.InnerException).SqlState);
        }

        await Wait.UntilAsync(() => session.ScalarAsync<bool>("select not active from pg_replication_slots where slot_name = 'one'"), "the slot is free again");
        await session.ExecuteAsync("select pg_drop_replication_slot('one')");
        Assert.Equal(0, await server.StopAsync());

        async Task ReadAsync(LogicalReplicationConnection connection, CancellationToken token)
        {
            await foreach (var message in connection.StartReplication(slot, publication, token))
            {
                connection.SetReplicationStatus(message.WalEnd);
            }
        }
    }

    [Fact]
    public async Task A_forgotten_slot_is_given_up_before_the_disk_is_full()
    {
        await using TestServer server = await TestServer.StartAsync(new ServerOptions
        {
            Settings = new Dictionary<string, string> { ["max_slot_wal_keep_size"] = "32MB", ["max_wal_size"] = "32MB", ["min_wal_size"] = "32MB" },
        });
        await using NpgsqlConnection session = await server.OpenAsync();
        Assert.Equal("1GB", await session.ScalarAsync<string>(
            "select setting from pg_file_settings where name = 'max_slot_wal_keep_size'"));
        await session.ExecuteAsync("select pg_create_logical_replication_slot('forgotten', 'test_decoding')");
        for (int i = 0; i < 10; i++)
        {
            await session.ExecuteAsync("select pg_logical_emit_message(false, 'filler', repeat('x', 10000000)); select pg_switch_wal()");
        }

        await session.ExecuteAsync("checkpoint");
        Assert.Equal("lost", await session.ScalarAsync<string>("select wal_status from pg_replication_slots where slot_name = 'forgotten'"));
        Assert.Equal("wal_removed", await session.ScalarAsync<string>("select invalidation_reason from pg_replication_slots where slot_name = 'forgotten'"));
        await session.ExecuteAsync("select pg_logical_slot_peek_changes('forgotten', null, null)").FailsAsync("55000");
        await session.ExecuteAsync("select pg_drop_replication_slot('forgotten')");
        Assert.Equal(0, await server.StopAsync());
    }
}
