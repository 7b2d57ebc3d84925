using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Replication;

/// <summary>The output plugin test_decoding writes what PostgreSQL's own writes.</summary>
public partial class TestDecodingTests(ReplicationFixture fixture) : IClassFixture<ReplicationFixture>
{
    static readonly (string Slot, string Options)[] s_variants =
    [
        ("plain", ""),
        ("plain", ", 'include-xids', '0', 'skip-empty-xacts', '1'"),
        ("plain", ", 'include-timestamp', 'on', 'include-rewrites', '1'"),
        ("plain", ", 'only-local', '1', 'skip-empty-xacts', 'yes'"),
        ("plain", ", 'stream-changes', '1'"),
        ("plain", ", 'stream-changes', '1', 'include-xids', '0', 'skip-empty-xacts', '1'"),
        ("two_phase", ""),
        ("two_phase", ", 'stream-changes', '1', 'include-timestamp', '1'"),
        ("two_phase", ", 'stream-changes', '1', 'include-xids', 'off', 'skip-empty-xacts', '1'"),
    ];

    [Fact]
    public async Task The_same_workload_gives_the_same_text()
    {
        List<List<string>> expected = await RunWorkloadAsync(fixture.Native);
        List<List<string>> actual = await RunWorkloadAsync(fixture.Server);
        string[] kinds = ["BEGIN", "COMMIT", "table", "message", "PREPARE", "ROLLBACK", "opening", "streaming", "aborting", "committing", "preparing", "unchanged-toast-datum"];
        Assert.All(kinds, kind => Assert.Contains(expected.SelectMany(lines => lines), line => line.Contains(kind, StringComparison.Ordinal)));
        for (int variant = 0; variant < s_variants.Length; variant++)
        {
            for (int i = 0; i < Math.Min(expected[variant].Count, actual[variant].Count); i++)
            {
                Assert.True(expected[variant][i] == actual[variant][i],
                    $"{s_variants[variant]}, line {i}\nnative: {expected[variant][i]}\nours:   {actual[variant][i]}");
            }

            Assert.Equal(expected[variant].Count, actual[variant].Count);
        }
    }

    [Theory]
    [InlineData("'include-xids', 'maybe'")]
    [InlineData("'nonsense', '1'")]
    [InlineData("'stream-changes', ''")]
    public async Task Wrong_options_are_the_same_errors(string options)
    {
        List<string> errors = [];
        foreach (TestServer server in new[] { fixture.Native, fixture.Server })
        {
            await using NpgsqlConnection connection = await server.OpenAsync();
            await connection.ExecuteAsync("select pg_create_logical_replication_slot('wrong_text', 'test_decoding')");
            PostgresException e = await Assert.ThrowsAsync<PostgresException>(
                () => connection.ExecuteAsync($"select pg_logical_slot_peek_changes('wrong_text', null, null, {options})"));
            errors.Add($"{e.SqlState} {e.MessageText}");
            await connection.ExecuteAsync("select pg_drop_replication_slot('wrong_text')");
        }

        Assert.Equal(errors[0], errors[1]);
    }

    [Fact]
    public async Task Pg_recvlogical_works_with_its_defaults()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Combine("out");
        TestServer server = fixture.Server;
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync("create table read_out (id int, v text)");
        (await server.RunAsync("pg_recvlogical", ["--create-slot", "-S", "recv_text", "-d", "postgres"])).Succeeded();
        await session.ExecuteAsync("insert into read_out values (1, 'it''s')");
        string end = await session.ScalarAsync<string>("select pg_current_wal_lsn()::text");
        (await server.RunAsync("pg_recvlogical", ["--start", "-S", "recv_text", "-d", "postgres", "-f", file, "--endpos", end, "--no-loop", "-o", "skip-empty-xacts"])).Succeeded();
        Assert.Contains("table public.read_out: INSERT: id[integer]:1 v[text]:'it''s'", await File.ReadAllLinesAsync(file));
        (await server.RunAsync("pg_recvlogical", ["--drop-slot", "-S", "recv_text", "-d", "postgres"])).Succeeded();
        await session.ExecuteAsync("drop table read_out");
    }

    static async Task<List<List<string>>> RunWorkloadAsync(TestServer server)
    {
        await using (NpgsqlConnection admin = await server.OpenAsync())
        {
            await admin.ExecuteAsync("create database decoded");
        }

        List<List<string>> result = [];
        await using (NpgsqlConnection session = await server.OpenAsync("decoded"))
        {
            await session.ExecuteAsync(Workload.Setup);
            await session.ExecuteAsync("select pg_create_logical_replication_slot('plain', 'test_decoding')");
            await session.ExecuteAsync("select pg_create_logical_replication_slot('two_phase', 'test_decoding', false, true)");
            await session.ExecuteAsync("select pg_replication_origin_create('far')");
            foreach (string statement in Workload.Statements)
            {
                await session.ExecuteAsync(statement);
            }

            await session.ExecuteAsync("set debug_logical_replication_streaming = immediate");
            foreach ((string slot, string options) in s_variants)
            {
                // As bytes: the content of a message need not be text.
                List<byte[]> lines = await session.ColumnAsync<byte[]>($"select data from pg_logical_slot_peek_binary_changes('{slot}', null, null{options})");
                result.Add(Normalise(lines.Select(Encoding.Latin1.GetString)));
            }

            await session.ExecuteAsync("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name in ('plain', 'two_phase')");
            await session.ExecuteAsync("select pg_replication_origin_drop('far')");
        }

        await using (NpgsqlConnection admin = await server.OpenAsync())
        {
            await admin.ExecuteAsync("drop database decoded with (force)");
        }

        return result;
    }

    // Transaction ids become the order in which they appear, times a word.
    static List<string> Normalise(IEnumerable<string> lines)
    {
        Dictionary<string, int> ids = [];
        return [.. lines.Select(line => TransactionId().Replace(Time().Replace(line, "(at TIME)"), m =>
        {
            if (!ids.TryGetValue(m.Groups[2].Value, out int number))
            {
                ids.Add(m.Groups[2].Value, number = ids.Count + 1);
            }

            return string.Create(CultureInfo.InvariantCulture, $"{m.Groups[1].Value}#{number}");
        }))];
    }

    [GeneratedRegex(@"^(BEGIN |COMMIT |.*(?:TXN |txid ))(\d+)")]
    private static partial Regex TransactionId();

    [GeneratedRegex(@"\(at [-\d:. +]+\)")]
    private static partial Regex Time();
}
