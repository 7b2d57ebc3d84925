using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>The server under test as a subscriber: libpqwalreceiver with its libpq.</summary>
public class SubscriptionTests(ReplicationFixture fixture) : IClassFixture<ReplicationFixture>
{
    const string Table = "create table incoming (id int primary key, v text, j jsonb, a int[])";

    [Theory]
    [InlineData("")]
    [InlineData("binary = true, streaming = parallel, two_phase = true, origin = none, run_as_owner = true")]
    public async Task We_subscribe_to_a_native_server(string options) => await SubscribeAsync(fixture.Native, fixture.Server, options, "user=postgres");

    [Fact]
    public async Task We_subscribe_to_another_of_ours()
    {
        await using TestServer publisher = await TestServer.StartAsync(new ServerOptions { Settings = new Dictionary<string, string> { ["max_prepared_transactions"] = "8" } });
        await SubscribeAsync(publisher, fixture.Server, "streaming = parallel, two_phase = true", "user=postgres");
        Assert.Equal(0, await publisher.StopAsync());
    }

    [Fact]
    public async Task Passwords_are_checked_as_native_subscribers_have_it()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        var options = new ServerOptions { DataDirectory = data };
        await using TestServer publisher = await TestServer.StartAsync(options);
        await using NpgsqlConnection session = await publisher.OpenAsync();

        // The second password is not ASCII: SASLprep makes an ordinary space of its U+00A0.
        await session.ExecuteAsync("set password_encryption = 'scram-sha-256'; create role plain login superuser replication password 'secret'");
        await session.ExecuteAsync("create role composed login superuser replication password E'pä ss€\\u00a0x'; set password_encryption = 'md5'; create role old login superuser replication password 'secret'");
        string hba = Path.Combine(data, "pg_hba.conf");
        await File.WriteAllTextAsync(hba, $"host all plain,composed 127.0.0.1/32 scram-sha-256\nhost all old 127.0.0.1/32 md5\n{await File.ReadAllTextAsync(hba)}");
        await session.ExecuteAsync("select pg_reload_conf()");
        await session.ExecuteAsync("create publication any_pub");
        foreach ((string user, string password, bool valid) in new[]
        {
            ("plain", "secret", true), ("composed", "pä ss€ x", true), ("old", "secret", true), ("plain", "wrong", false), ("old", "wrong", false),
        })
        {
            List<string> results = [];
            foreach (TestServer subscriber in new[] { fixture.Native, fixture.Server })
            {
                await using NpgsqlConnection connection = await subscriber.OpenAsync();
                await Wait.UntilAsync(() => ReloadedAsync(user), "the publisher has read pg_hba.conf");
                Exception? error = await Record.ExceptionAsync(() => connection.ExecuteAsync(
                    $"create subscription any_sub connection 'host=127.0.0.1 port={publisher.Port} user={user} password=''{password}'' dbname=postgres' publication any_pub"));
                if (error is null)
                {
                    await connection.ExecuteAsync("drop subscription any_sub");
                }

                results.Add((error as PostgresException)?.MessageText ?? error?.Message ?? "connected");
            }

            Assert.Equal(valid, results[1] == "connected");
            Assert.Equal(results[0], results[1]);
        }

        async Task<bool> ReloadedAsync(string user) => await session.ScalarAsync<bool>("select $1 = any(user_name) from pg_hba_file_rules order by rule_number limit 1", user)
            || await session.ScalarAsync<bool>("select exists (select from pg_hba_file_rules where $1 = any(user_name) and error is null)", user);
    }

    [Theory]
    [InlineData("host=127.0.0.1 port=1 user=postgres")]
    [InlineData("host=/nowhere port=5432 user=postgres")]
    [InlineData("host=127.0.0.1 port=65536")]
    [InlineData("nonsense=1")]
    [InlineData("host=127.0.0.1 port=PORT user=nobody_here")]
    public async Task Errors_of_connections_are_the_same(string connection)
    {
        List<string> errors = [];
        foreach (TestServer server in new[] { fixture.Native, fixture.Server })
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            PostgresException e = await Assert.ThrowsAsync<PostgresException>(() => session.ExecuteAsync(
                $"create subscription bad connection '{connection.Replace("PORT", $"{fixture.Server.Port}", StringComparison.Ordinal)}' publication p"));
            errors.Add($"{e.SqlState} {e.MessageText.Replace($"{fixture.Server.Port}", "PORT", StringComparison.Ordinal)}");
        }

        Assert.Equal(errors[0], errors[1]);
    }

    static async Task SubscribeAsync(TestServer publisher, TestServer subscriber, string options, string user)
    {
        await using NpgsqlConnection from = await publisher.OpenAsync();
        await using NpgsqlConnection to = await subscriber.OpenAsync();
        await from.ExecuteAsync($"{Table}; insert into incoming select n, 'v' || n, '{{\"a\": 1}}', array[n, null] from generate_series(1, 5000) n");
        await from.ExecuteAsync("create publication incoming_pub for table incoming");
        await to.ExecuteAsync(Table);
        await to.ExecuteAsync($"create subscription incoming_sub connection 'host={TestServer.Host} port={publisher.Port} {user} dbname=postgres' "
            + $"publication incoming_pub{(options.Length > 0 ? $" with ({options})" : "")}");
        await SameAsync("the initial copy");
        await from.ExecuteAsync("update incoming set v = 'changed' where id <= 100; delete from incoming where id > 4900");
        await from.ExecuteAsync("insert into incoming select n, repeat('y', 1000), null, null from generate_series(10000, 12000) n");
        await SameAsync("changes");

        // Either end of the connection goes; the worker starts again where it was.
        await Wait.UntilAsync(
            () => to.ScalarAsync<bool>("select count(*) = 0 from pg_subscription_rel where srsubstate <> 'r'"), "the subscription is ready");
        await from.ExecuteAsync("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'incoming_sub'");
        await from.ExecuteAsync("insert into incoming values (20001, 'while away')");
        await SameAsync("changes after the walsender's end");
        await to.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_subscription where pid is not null");
        await from.ExecuteAsync("insert into incoming values (20002, 'while away again')");
        await SameAsync("changes after the worker's end");

        await from.ExecuteAsync("begin; insert into incoming values (20003, 'prepared'); prepare transaction 'incoming'; commit prepared 'incoming'");
        await SameAsync("a prepared transaction");
        await from.ExecuteAsync("alter table incoming add column extra int default 5; insert into incoming (id) values (20004)");
        await to.ExecuteAsync("alter table incoming add column extra int default 5");
        await SameAsync("changes after a new column");

        // A conflict stops the worker until it is resolved.
        await to.ExecuteAsync("insert into incoming (id, v) values (30000, 'ours')");
        await from.ExecuteAsync("insert into incoming (id, v) values (30000, 'theirs')");
        await Wait.UntilAsync(() => to.ScalarAsync<bool>("select confl_insert_exists > 0 from pg_stat_subscription_stats where subname = 'incoming_sub'"), "the conflict is counted");
        await to.ExecuteAsync("delete from incoming where id = 30000");
        await SameAsync("changes after a conflict");

        await from.ExecuteAsync("truncate incoming; insert into incoming values (1, 'last')");
        await SameAsync("truncation");
        await to.ExecuteAsync("drop subscription incoming_sub; drop table incoming");
        Assert.Equal(0, await from.ScalarAsync<int>("select count(*) from pg_replication_slots where slot_name like '%incoming%'"));
        await from.ExecuteAsync("drop publication incoming_pub; drop table incoming");

        async Task SameAsync(string what)
        {
            const string Content = "select count(*) || ' ' || coalesce(md5(string_agg(t::text, chr(10) order by id)), '') from incoming t";
            string expected = await from.ScalarAsync<string>(Content);
            await Wait.UntilAsync(async () => await to.ScalarAsync<string>(Content) == expected, $"the subscriber has the same rows: {what}");
        }
    }
}
