using System.Globalization;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>Physical replication between the server under test and native PostgreSQL: they have one layout of data directories and of the log.</summary>
public class NativeStandbyTests
{
    private const string Content = """
        create extension hstore; create extension amcheck;
        create table notes (id bigserial primary key, body text, at timestamptz default now(), price float8, tags jsonb, span int4range, place point, extra hstore);
        create index on notes using hash (body);
        create index on notes using gin (tags);
        create index on notes using gist (span);
        create index on notes using spgist (place);
        create index on notes using brin (at);
        """;

    private const string More = """
        insert into notes (body, price, tags, span, place, extra)
        select 'note ' || i, i / 8.0, jsonb_build_object('n', i, 'big', repeat(md5(i::text), 100)), int4range(i, i + 10), point(i, -i), hstore('k', i::text) from generate_series(1, 2000) i;
        update notes set price = price + 1 where id % 3 = 0;
        delete from notes where id % 7 = 0;
        """;

    private const string Look = "select format('%s %s %s %s %s', count(*), sum(price), sum(id), md5(string_agg(notes::text, '' order by id)), max(upper(span))) from notes";

    // Each index whole against its table, and each table.
    private const string Check = """
        select (select count(bt_index_check(c.oid, true)) from pg_class c join pg_am a on a.oid = c.relam where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p') > 0
            and not exists (select from pg_class c, verify_heapam(c.oid) where c.relkind in ('r', 'm', 't'))
        """;

    [OursTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_standby_of_the_other_kind_follows_and_is_promoted_when_its_primary_dies(bool nativePrimary)
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("standby");
        var options = new ServerOptions { Settings = new Dictionary<string, string> { ["wal_receiver_status_interval"] = "1s", ["wal_level"] = "replica", ["max_wal_senders"] = "10" } };
        await using TestServer primary = nativePrimary ? await NativeServer.StartAsync(options) : await CliServer.StartAsync(options);
        await using NpgsqlConnection writer = await primary.OpenAsync();
        await writer.ExecuteAsync(Content + More);
        (await primary.RunAsync("pg_basebackup", ["-D", data, "-R", "-X", "stream", "-c", "fast", "-C", "-S", "standby_slot"])).Succeeded();
        options = options with { DataDirectory = data };
        await using TestServer standby = nativePrimary ? await CliServer.StartAsync(options) : await NativeServer.StartAsync(options);
        await using NpgsqlConnection reader = await standby.OpenAsync();
        Assert.True(await reader.ScalarAsync<bool>("select pg_is_in_recovery()"));

        // Of every resource manager something: rows, all kinds of indexes, a table rewritten, a database.
        await writer.ExecuteAsync(More);
        await writer.ExecuteAsync("create database other");
        await writer.ExecuteAsync("vacuum full notes");
        await writer.ExecuteAsync("create table emptied as select 1 i; truncate emptied; create sequence numbers; select nextval('numbers')");
        await writer.ExecuteAsync("vacuum freeze");
        string expected = await writer.ScalarAsync<string>(Look), end = await writer.ScalarAsync<string>("select pg_current_wal_lsn()::text");
        await Wait.UntilAsync(() => reader.ScalarAsync<bool>("select pg_last_wal_replay_lsn() >= $1::pg_lsn", end), "the standby has it all");
        Assert.Equal(expected, await reader.ScalarAsync<string>(Look));
        Assert.Equal("streaming", await writer.ScalarAsync<string>("select state from pg_stat_replication"));

        await primary.KillAsync();

        // As pg_ctl promote, which does not run as root.
        await File.WriteAllTextAsync(Path.Combine(data, "promote"), "");
        Assert.True(Signals.Send(int.Parse((await File.ReadAllLinesAsync(Path.Combine(data, "postmaster.pid")))[0], CultureInfo.InvariantCulture), Signals.User1));
        await Wait.UntilAsync(async () => !await reader.ScalarAsync<bool>("select pg_is_in_recovery()"), "the standby is promoted");
        await reader.ExecuteAsync(More + "checkpoint");
        Assert.Equal(2, await reader.ScalarAsync<int>("select timeline_id from pg_control_checkpoint()"));
        Assert.True(await reader.ScalarAsync<bool>(Check));
        await reader.CloseAsync();
        Assert.Equal(0, await standby.StopAsync());
    }
}
