using System.Net;
using NpgsqlTypes;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Values in and out, through Npgsql's binary protocol.</summary>
[Collection(SharedServer.Name)]
public class DataTests(ServerFixture fixture) : SessionTest(fixture)
{
    public static TheoryData<string, object> Values => new()
    {
        { "bool", true },
        { "smallint", short.MinValue },
        { "int", int.MinValue },
        { "bigint", long.MaxValue },
        { "real", 1.5f },
        { "double precision", Math.PI },
        { "numeric", 123456789012345678.90123456789m },
        { "text", "Größe 🐘 \\ ' \" \n\t" },
        { "bytea", new byte[] { 0, 1, 255, 0 } },
        { "uuid", Guid.Parse("01234567-89ab-cdef-0123-456789abcdef") },
        { "date", new DateOnly(2026, 2, 28) },
        { "time", new TimeOnly(23, 59, 59, 999) },
        { "timestamp", new DateTime(1999, 12, 31, 23, 59, 59, DateTimeKind.Unspecified) },
        { "timestamptz", new DateTime(2026, 7, 1, 12, 0, 0, DateTimeKind.Utc) },
        { "interval", new NpgsqlInterval(14, 3, 5_000_001) },
        { "int[]", new[] { 1, -2, 3 } },
        { "text[]", new[] { "a", "", "{,}" } },
        { "int4range", new NpgsqlRange<int>(1, true, 10, false) },
        { "inet", IPAddress.Parse("2001:db8::1") },
        { "point", new NpgsqlPoint(1.5, -2.5) },
        { "bit(3)", new System.Collections.BitArray([true, false, true]) },
    };

    [Theory]
    [MemberData(nameof(Values), DisableDiscoveryEnumeration = true)]
    public async Task A_value_comes_back_as_it_went(string type, object value)
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync($"create table t (v {type})");
        await session.ExecuteAsync("insert into t values ($1)", value);
        Type expected = value.GetType();
        await using var command = new NpgsqlCommand("select v, v::text from t", session);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        Assert.True(await reader.ReadAsync());
        object read = typeof(NpgsqlDataReader).GetMethod(nameof(NpgsqlDataReader.GetFieldValue))!.MakeGenericMethod(expected).Invoke(reader, [0])!;
        Assert.Equal(value, read);
        string text = reader.GetString(1);
        await reader.CloseAsync();
        Assert.True(await session.ScalarAsync<bool>($"select v::text = '{text.Replace("'", "''", StringComparison.Ordinal)}'::{type}::text from t"));
    }

    [Fact]
    public async Task Jsonb()
    {
        NpgsqlConnection session = await OpenAsync();
        await using var command = new NpgsqlCommand("select $1::jsonb #>> '{a,1}', jsonb_path_query_first($1, '$.b ? (@ > 2)')::text", session);
        command.Parameters.Add(new NpgsqlParameter { Value = """{"a": [1, "zwei"], "b": 3}""", NpgsqlDbType = NpgsqlDbType.Jsonb });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        Assert.Equal(("zwei", "3"), (reader.GetString(0), reader.GetString(1)));
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(100_000)]
    [InlineData(30_000_000)]
    public async Task Large_values(int length)
    {
        NpgsqlConnection session = await OpenAsync();
        byte[] value = new byte[length];
        new Random(length).NextBytes(value);
        await session.ExecuteAsync("create table t (v bytea)");
        await session.ExecuteAsync("insert into t values ($1)", value);
        Assert.Equal(length, await session.ScalarAsync<int>("select length(v) from t"));
        byte[] read = await session.ScalarAsync<byte[]>("select v from t");
        Assert.True(value.AsSpan().SequenceEqual(read));
    }

    [Fact]
    public async Task Large_results()
    {
        NpgsqlConnection session = await OpenAsync();
        await using var command = new NpgsqlCommand("select i, md5(i::text), repeat('x', i % 300) from generate_series(1, 200000) i", session);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        int expected = 0;
        while (await reader.ReadAsync())
        {
            expected++;
            Assert.Equal(expected, reader.GetInt32(0));
            Assert.Equal(expected % 300, reader.GetString(2).Length);
        }

        Assert.Equal(200_000, expected);
    }

    [Fact]
    public async Task A_slow_reader_does_not_hold_up_others()
    {
        NpgsqlConnection slow = await OpenAsync();
        await using var command = new NpgsqlCommand("select repeat('x', 1000) from generate_series(1, 100000)", slow);
        await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync())
        {
            await reader.ReadAsync();
            // Nobody reads now: the backend fills the socket's buffers and waits until it can write.
            await Observer.WaitForEventAsync(slow.ProcessID, "Client", "ClientWrite");
            NpgsqlConnection other = await OpenAsync();
            Assert.Equal(42, await other.ScalarAsync<int>("select 42"));
            int rows = 1;
            while (await reader.ReadAsync())
            {
                rows++;
            }

            Assert.Equal(100_000, rows);
        }
    }

    [Fact]
    public async Task Copy_in_and_out_as_text()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id int, v text)");
        await using (TextWriter writer = await session.BeginTextImportAsync("copy t from stdin"))
        {
            for (int i = 0; i < 50_000; i++)
            {
                await writer.WriteAsync($"{i}\tline {i} with \\\\ and \\t\n");
            }
        }

        Assert.Equal(50_000, await session.ScalarAsync<long>("select count(*) from t where v = format(E'line %s with \\\\ and \\t', id)"));
        using TextReader reader = await session.BeginTextExportAsync("copy (select id, v from t order by id) to stdout (format csv)");
        int lines = 0;
        while (await reader.ReadLineAsync() is { } line)
        {
            Assert.StartsWith($"{lines},", line, StringComparison.Ordinal);
            lines++;
        }

        Assert.Equal(50_000, lines);
    }

    [Fact]
    public async Task Copy_in_and_out_as_binary()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id bigint, at timestamptz, v text)");
        var at = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        await using (NpgsqlBinaryImporter importer = await session.BeginBinaryImportAsync("copy t from stdin (format binary)"))
        {
            for (int i = 0; i < 20_000; i++)
            {
                await importer.StartRowAsync();
                await importer.WriteAsync((long)i);
                await importer.WriteAsync(at.AddSeconds(i));
                await importer.WriteAsync($"v{i}");
            }

            Assert.Equal(20_000UL, await importer.CompleteAsync());
        }

        await using NpgsqlBinaryExporter exporter = await session.BeginBinaryExportAsync("copy (select * from t order by id) to stdout (format binary)");
        for (int i = 0; i < 20_000; i++)
        {
            Assert.Equal(3, await exporter.StartRowAsync());
            Assert.Equal(i, await exporter.ReadAsync<long>());
            Assert.Equal(at.AddSeconds(i), await exporter.ReadAsync<DateTime>());
            Assert.Equal($"v{i}", await exporter.ReadAsync<string>());
        }

        Assert.Equal(-1, await exporter.StartRowAsync());
    }

    [Fact]
    public async Task A_copy_that_the_client_gives_up_leaves_nothing()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id int)");
        await using (NpgsqlBinaryImporter importer = await session.BeginBinaryImportAsync("copy t from stdin (format binary)"))
        {
            await importer.StartRowAsync();
            await importer.WriteAsync(1);
            // Disposed without CompleteAsync: CopyFail.
        }

        Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from t"));
    }

    [Fact]
    public async Task Notices_and_errors_carry_their_fields()
    {
        NpgsqlConnection session = await OpenAsync();
        List<PostgresNotice> notices = [];
        session.Notice += (_, notice) => notices.Add(notice.Notice);
        await session.ExecuteAsync("do $$ begin raise notice 'hello %', 7 using hint = 'a hint'; raise warning 'careful'; end $$");
        Assert.Equal([("NOTICE", "hello 7"), ("WARNING", "careful")], notices.Select(notice => (notice.InvariantSeverity, notice.MessageText)));
        Assert.Equal("a hint", notices[0].Hint);

        await session.ExecuteAsync("create table t (v int constraint positive check (v > 0))");
        PostgresException error = await session.ExecuteAsync("insert into t values (-1)").FailsAsync("23514");
        Assert.Equal(("positive", "t", Schema), (error.ConstraintName, error.TableName, error.SchemaName));
        error = await session.ExecuteAsync("select 1 from nowhere").FailsAsync("42P01");
        Assert.Equal(15, error.Position);
        await session.ExecuteAsync("select 1/0").FailsAsync("22012");
        await session.ExecuteAsync("select 'x'::int").FailsAsync("22P02");
        await session.ExecuteAsync("selec").FailsAsync("42601");
    }

    [Fact]
    public async Task Pipelined_batches()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t (id int primary key)");
        await using var batch = new NpgsqlBatch(session);
        for (int i = 0; i < 300; i++)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("insert into t values ($1) returning id * 2") { Parameters = { new NpgsqlParameter { Value = i } } });
        }

        await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync();
        for (int i = 0; i < 300; i++)
        {
            Assert.True(await reader.ReadAsync());
            Assert.Equal(i * 2, reader.GetInt32(0));
            Assert.Equal(i < 299, await reader.NextResultAsync());
        }
    }
}
