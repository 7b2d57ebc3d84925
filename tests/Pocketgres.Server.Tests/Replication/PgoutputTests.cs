using System.Globalization;
using Npgsql.Replication;
using Npgsql.Replication.PgOutput;
using Npgsql.Replication.PgOutput.Messages;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>Logical decoding with pgoutput: the same messages as native PostgreSQL's.</summary>
public class PgoutputTests(ReplicationFixture fixture) : IClassFixture<ReplicationFixture>
{
    const string Publications = "'publication_names', 'p1,p2,p3,p4,p5'";

    static readonly Dictionary<string, (string Slot, bool Parallel, string Options)> s_variants = new()
    {
        ["version 1, text, messages"] = ("plain", false, $"'proto_version', '1', {Publications}, 'messages', 'true'"),
        ["version 1, binary"] = ("plain", false, $"'proto_version', '1', {Publications}, 'binary', 'true'"),
        ["version 1, no origins"] = ("plain", false, $"'proto_version', '1', {Publications}, 'origin', 'none'"),
        ["version 2, streaming"] = ("plain", false, $"'proto_version', '2', {Publications}, 'messages', 'true', 'streaming', 'on'"),
        ["version 3, two phases"] = ("two_phase", false, $"'proto_version', '3', {Publications}, 'two_phase', 'true'"),
        ["version 4, streaming in parallel, two phases"] =
            ("two_phase", true, $"'proto_version', '4', {Publications}, 'messages', 'true', 'streaming', 'parallel', 'two_phase', 'true'"),
    };

    [Fact]
    public async Task The_same_workload_gives_the_same_messages()
    {
        Dictionary<string, List<string>> expected = await RunWorkloadAsync(fixture.Native);
        Dictionary<string, List<string>> actual = await RunWorkloadAsync(fixture.Server);
        string[] seen = [.. expected.Values.SelectMany(messages => messages).Select(m => m[..m.IndexOf(' ', StringComparison.Ordinal)]).Distinct().Order(StringComparer.Ordinal)];
        Assert.Equal(["Begin", "Commit", "Delete", "Insert", "Message", "Origin", "Prepare", "Relation", "Rollback", "Stream", "Truncate", "Type", "Update"], seen);
        foreach ((string variant, List<string> messages) in expected)
        {
            for (int i = 0; i < Math.Min(messages.Count, actual[variant].Count); i++)
            {
                Assert.True(messages[i] == actual[variant][i], $"{variant}, message {i}\nnative: {messages[i]}\nours:   {actual[variant][i]}");
            }

            Assert.Equal(messages.Count, actual[variant].Count);
        }
    }

    [Theory]
    [InlineData("'proto_version', '5', 'publication_names', 'p'")]
    [InlineData("'proto_version', '0', 'publication_names', 'p'")]
    [InlineData("'proto_version', '1'")]
    [InlineData("'publication_names', 'p'")]
    [InlineData("'proto_version', '1', 'publication_names', 'p', 'streaming', 'on'")]
    [InlineData("'proto_version', '2', 'publication_names', 'p', 'streaming', 'maybe'")]
    [InlineData("'proto_version', '1', 'publication_names', 'p', 'nonsense', '1'")]
    [InlineData("'proto_version', '1', 'publication_names', 'p', 'origin', 'elsewhere'")]
    public async Task Wrong_options_are_the_same_errors(string options)
    {
        List<string> errors = [];
        foreach (TestServer server in new[] { fixture.Native, fixture.Server })
        {
            await using NpgsqlConnection connection = await server.OpenAsync();
            await connection.ExecuteAsync("select pg_create_logical_replication_slot('wrong', 'pgoutput')");
            // A session of its own: Npgsql gives up a connection after an internal error (XX000).
            await using (NpgsqlConnection reader = await server.OpenAsync())
            {
                PostgresException e = await Assert.ThrowsAsync<PostgresException>(
                    () => reader.ExecuteAsync($"select pg_logical_slot_peek_binary_changes('wrong', null, null, {options})"));
                errors.Add($"{e.SqlState} {e.MessageText}");
            }

            await Wait.UntilAsync(
                () => connection.ScalarAsync<bool>("select not active from pg_replication_slots where slot_name = 'wrong'"), "the slot is free");
            await connection.ExecuteAsync("select pg_drop_replication_slot('wrong')");
        }

        Assert.Equal(errors[0], errors[1]);
    }

    [Theory]
    [InlineData(PgOutputProtocolVersion.V1, PgOutputStreamingMode.Off)]
    [InlineData(PgOutputProtocolVersion.V2, PgOutputStreamingMode.On)]
    [InlineData(PgOutputProtocolVersion.V3, PgOutputStreamingMode.On)]
    [InlineData(PgOutputProtocolVersion.V4, PgOutputStreamingMode.Parallel)]
    public async Task Npgsql_streams_changes_as_they_are_committed(PgOutputProtocolVersion version, PgOutputStreamingMode streaming)
    {
        TestServer server = fixture.Server;
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("create table live (id int primary key, v text); create publication live_pub for table live");
        await using (var replication = new LogicalReplicationConnection(server.ConnectionString() + ";Options=-c logical_decoding_work_mem=64kB"))
        {
            await replication.Open();
            PgOutputReplicationSlot slot = await replication.CreatePgOutputReplicationSlot("live_slot");
            using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(90));
            List<string> received = [];
            bool streamed = false;
            Task reader = Task.Run(async () =>
            {
                await foreach (PgOutputReplicationMessage message in replication.StartReplication(
                    slot, new PgOutputReplicationOptions("live_pub", version, streamingMode: streaming), cancel.Token))
                {
                    streamed |= message is StreamStartMessage;
                    if (message is InsertMessage insert)
                    {
                        List<string> values = [];
                        await foreach (ReplicationValue value in insert.NewRow)
                        {
                            values.Add(await value.Get<string>(cancel.Token));
                        }

                        lock (received)
                        {
                            received.Add($"{insert.Relation.RelationName} {string.Join(' ', values)}");
                        }
                    }

                    replication.SetReplicationStatus(message.WalEnd);
                }
            });
            for (int i = 1; i <= 5; i++)
            {
                await session.ExecuteAsync("insert into live values ($1, $2)", i, $"row {i}");
                await Wait.UntilAsync(() => Count(received) >= i || reader.IsCompleted, $"insert {i} arrives");
            }

            await session.ExecuteAsync("insert into live select n, 'bulk' from generate_series(100, 5099) n");
            await Wait.UntilAsync(() => Count(received) >= 5005 || reader.IsCompleted, "the bulk arrives");
            Assert.Equal(5005, Count(received));
            Assert.Equal("live 3 row 3", received[2]);
            Assert.Equal("live 5099 bulk", received[^1]);
            Assert.Equal(streaming != PgOutputStreamingMode.Off, streamed);
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reader);
        }

        await Wait.UntilAsync(() => session.ScalarAsync<bool>("select not active from pg_replication_slots where slot_name = 'live_slot'"), "the slot is free");
        await session.ExecuteAsync("select pg_drop_replication_slot('live_slot'); drop publication live_pub; drop table live");
    }

    [Fact]
    public async Task Pg_recvlogical_receives()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Combine("out");
        TestServer server = fixture.Server;
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("create table received (v text); create publication received_pub for table received");
        (await server.RunAsync("pg_recvlogical", ["--create-slot", "-S", "recv", "-P", "pgoutput", "-d", "postgres"])).Succeeded();
        await session.ExecuteAsync("insert into received select 'value ' || n from generate_series(1, 100) n");
        string end = await session.ScalarAsync<string>("select pg_current_wal_lsn()::text");
        (await server.RunAsync("pg_recvlogical", ["--start", "-S", "recv", "-d", "postgres", "-f", file, "--endpos", end, "--no-loop",
            "-o", "proto_version=1", "-o", "publication_names=received_pub"])).Succeeded();
        string content = await File.ReadAllTextAsync(file, System.Text.Encoding.Latin1);
        for (int i = 1; i <= 100; i++)
        {
            Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"value {i}"), content, StringComparison.Ordinal);
        }

        (await server.RunAsync("pg_recvlogical", ["--drop-slot", "-S", "recv", "-d", "postgres"])).Succeeded();
        await session.ExecuteAsync("drop publication received_pub; drop table received");
    }

    [Fact]
    public async Task A_native_server_subscribes()
    {
        TestServer publisher = fixture.Server;
        const string Table = "create table moved (id int primary key, v text, j jsonb, a int[])";
        await using NpgsqlConnection ours = await publisher.OpenAsync();
        await using NpgsqlConnection native = await fixture.Native.OpenAsync();
        await ours.ExecuteAsync($"{Table}; insert into moved select n, 'v' || n, '{{\"a\": 1}}', array[n, null] from generate_series(1, 5000) n");
        await ours.ExecuteAsync("create publication moved_pub for table moved");
        await native.ExecuteAsync(Table);
        await native.ExecuteAsync($"""
            create subscription moved_sub connection 'host={TestServer.Host} port={publisher.Port} user=postgres dbname=postgres'
            publication moved_pub with (streaming = parallel, binary = true, two_phase = true)
            """);
        await SameAsync();
        await ours.ExecuteAsync("update moved set v = 'changed' where id <= 100; delete from moved where id > 4900");
        await ours.ExecuteAsync("insert into moved select n, repeat('y', 1000) from generate_series(10000, 12000) n");
        await SameAsync();

        // The walsender ends; the subscriber comes back and goes on where it was.
        await ours.ExecuteAsync("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'moved_sub'");
        await ours.ExecuteAsync("begin; insert into moved values (20000, 'prepared'); prepare transaction 'moved'");
        await Wait.UntilAsync(() => native.ScalarAsync<bool>("select exists (select from pg_prepared_xacts)"), "the transaction is prepared there too");
        await ours.ExecuteAsync("commit prepared 'moved'");
        await SameAsync();
        await ours.ExecuteAsync("truncate moved; insert into moved values (1, 'last')");
        await SameAsync();
        await native.ExecuteAsync("drop subscription moved_sub");
        Assert.Equal(0, await ours.ScalarAsync<int>("select count(*) from pg_replication_slots where slot_name = 'moved_sub'"));
        await ours.ExecuteAsync("drop publication moved_pub; drop table moved");

        async Task SameAsync()
        {
            const string Content = "select count(*) || ' ' || coalesce(md5(string_agg(moved::text, chr(10) order by id)), '') from moved";
            string expected = await ours.ScalarAsync<string>(Content);
            await Wait.UntilAsync(async () => await native.ScalarAsync<string>(Content) == expected, "the subscriber has the same rows");
        }
    }

    static int Count(List<string> list)
    {
        lock (list)
        {
            return list.Count;
        }
    }

    static async Task<Dictionary<string, List<string>>> RunWorkloadAsync(TestServer server)
    {
        await using (NpgsqlConnection admin = await server.OpenAsync())
        {
            await admin.ExecuteAsync("create database workload");
        }

        Dictionary<string, List<string>> result = [];
        await using (NpgsqlConnection session = await server.OpenAsync("workload"))
        {
            await session.ExecuteAsync(Workload.Setup);
            await session.ExecuteAsync("select pg_create_logical_replication_slot('plain', 'pgoutput')");
            await session.ExecuteAsync("select pg_create_logical_replication_slot('two_phase', 'pgoutput', false, true)");
            await session.ExecuteAsync("select pg_replication_origin_create('far')");
            foreach (string statement in Workload.Statements)
            {
                await session.ExecuteAsync(statement);
            }

            // Streams every change at once, so that where a transaction is cut does not depend on the size of pointers.
            await session.ExecuteAsync("set debug_logical_replication_streaming = immediate");
            foreach ((string name, (string slot, bool parallel, string options)) in s_variants)
            {
                var decoder = new PgoutputDecoder(parallel);
                List<byte[]> messages = await session.ColumnAsync<byte[]>($"select data from pg_logical_slot_peek_binary_changes('{slot}', null, null, {options})");
                result[name] = [.. messages.Select(decoder.Describe)];
            }

            await session.ExecuteAsync("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name in ('plain', 'two_phase')");
            await session.ExecuteAsync("select pg_replication_origin_drop('far')");
        }

        await using (NpgsqlConnection admin = await server.OpenAsync())
        {
            await admin.ExecuteAsync("drop database workload with (force)");
        }

        return result;
    }
}
