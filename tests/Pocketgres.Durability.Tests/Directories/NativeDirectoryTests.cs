using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary>One data directory, served by native PostgreSQL and by ours in turn.</summary>
public class NativeDirectoryTests
{
    private const string Content = """
        create extension amcheck; create extension btree_gin; create extension bloom; create extension pg_trgm; create extension hstore;
        create table notes (id bigserial primary key, body text, at timestamptz default now(), price float8, tags jsonb, span int4range, words tsvector, place point, extra hstore);
        create index on notes using hash (body);
        create index on notes using gin (tags, id);
        create index on notes using gist (span);
        create index on notes using spgist (place);
        create index on notes using brin (at);
        create index on notes using bloom ((id::int));
        create index on notes using gin (body gin_trgm_ops);
        create index on notes (lower(body)) where price > 1.5;
        create materialized view prices as select count(*), sum(price) from notes where at < 'infinity'::timestamptz;
        create function added(bigint, integer default 3) returns bigint language sql return $1 + $2;
        """;

    private const string More = """
        insert into notes (body, price, tags, span, words, place, extra)
        select 'note ' || i, i / 8.0, jsonb_build_object('n', i, 'big', repeat(md5(i::text), 100)), int4range(i, i + 10), to_tsvector('simple', 'word' || i), point(i, -i), hstore('k', i::text)
        from generate_series(1, 500) i;
        update notes set price = price + 1 where id % 3 = 0;
        delete from notes where id % 7 = 0;
        refresh materialized view prices;
        """;

    // Through plans and through indexes, and what the two engines' own expressions say.
    private const string Look = """
        select format('%s %s %s %s %s %s', count(*), sum(price), sum(id), sum(length(tags->>'big')), max(upper(span)), added(max(id))) from notes
        """;

    private const string Verify = """
        select count(bt_index_check(c.oid, true)) from pg_class c join pg_am a on a.oid = c.relam where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'
        union all select count(*) from pg_class c, verify_heapam(c.oid) where c.relkind in ('r', 'm', 't')
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_directory_goes_back_and_forth_between_native_and_ours(bool killed)
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        string content = Content, expected = "";
        for (int turn = 0; turn < 4; turn++)
        {
            ServerOptions options = new() { DataDirectory = data };
            await using TestServer server = turn % 2 == 0 ? await NativeServer.StartAsync(options) : await OursAsync(options);
            await using (NpgsqlConnection session = await server.OpenAsync())
            {
                Assert.Equal(expected, turn == 0 ? "" : await session.ScalarAsync<string>(Look));
                await session.ExecuteAsync(content + More);
                content = "";
                expected = await session.ScalarAsync<string>(Look);
                await session.ExecuteAsync("vacuum analyze");
                await AssertSoundAsync(session);
                await session.CloseAsync();
            }

            if (killed)
            {
                await server.KillAsync();
            }
            else
            {
                Assert.Equal(0, await server.StopAsync());
            }
        }
    }

    // Both refuse a directory of another user; the native one runs as another where the tests run as root.
    private static async Task<TestServer> OursAsync(ServerOptions options)
    {
        (await Tool.RunAsync("chown", ["-R", Environment.UserName, options.DataDirectory!])).Succeeded();
        return await CliServer.StartAsync(options);
    }

    private static async Task AssertSoundAsync(NpgsqlConnection session)
    {
        var counts = new List<long>();
        await using var command = new NpgsqlCommand(Verify, session);
        await using NpgsqlDataReader rows = await command.ExecuteReaderAsync();
        while (await rows.ReadAsync())
        {
            counts.Add(rows.GetInt64(0));
        }

        Assert.True(counts[0] > 100, $"{counts[0]} B-trees checked");
        Assert.Equal(0, counts[1]);
    }
}
