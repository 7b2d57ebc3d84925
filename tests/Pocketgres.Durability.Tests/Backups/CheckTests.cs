using System.Globalization;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Backups;

/// <summary>`pocketgres check`, beside PostgreSQL's own pg_checksums.</summary>
public class CheckTests
{
    [Fact]
    public async Task It_finds_what_was_damaged_and_nothing_else()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        string table, index;
        await using (CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create table t as select i, repeat('x', 500) v from generate_series(1, 3000) i; create index on t (i)");
            await session.ExecuteAsync("vacuum t");
            table = await session.ScalarAsync<string>("select pg_relation_filepath('t')");
            index = await session.ScalarAsync<string>("select pg_relation_filepath('t_i_idx')");
            ToolResult busy = await CliServer.RunToEndAsync("check", data);
            Assert.Equal(4, busy.ExitCode);
            Assert.Contains($"process {server.Pid}", busy.Error, StringComparison.Ordinal);
            Assert.Equal(4, (await CliServer.RunToEndAsync("check", "--files-only", data)).ExitCode);
            await session.CloseAsync();
            Assert.Equal(0, await server.StopAsync());
        }

        ToolResult intact = (await CliServer.RunToEndAsync("check", "file:" + data)).Succeeded();
        ToolResult native = (await Tool.RunAsync(Workspace.Pg18("pg_checksums"), ["--check", "-D", data])).Succeeded();
        string pages = native.Output.Split('\n').Single(line => line.StartsWith("Blocks scanned:", StringComparison.Ordinal)).Split(':')[1].Trim();
        Assert.Equal($"intact: {pages} pages", intact.Output[..$"intact: {pages} pages".Length]);

        Damage.Flip(Path.Combine(data, table), (7 * 8192) + 100);
        Damage.Flip(Path.Combine(data, index), 4000);
        Damage.Flip(Path.Combine(data, "global/pg_filenode.map"), 20);
        ToolResult damaged = await CliServer.RunToEndAsync("check", "--files-only", data);
        Assert.Equal(6, damaged.ExitCode);
        string[] lines = damaged.Output.TrimEnd().Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Contains(lines, line => line.StartsWith($"{table}: block 7: checksum", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith($"{index}: block 0: checksum", StringComparison.Ordinal));
        Assert.Contains("global/pg_filenode.map: damaged", lines);
        Assert.StartsWith("damaged: 3 problems", lines[^1], StringComparison.Ordinal);

        // The numbers are those that PostgreSQL computes.
        ToolResult theirs = await Tool.RunAsync(Workspace.Pg18("pg_checksums"), ["--check", "-D", data]);
        string ours = lines.Single(line => line.StartsWith(table, StringComparison.Ordinal)).Split(' ')[^1];
        Assert.Contains(ulong.Parse(ours, NumberStyles.HexNumber, CultureInfo.InvariantCulture).ToString("X", CultureInfo.InvariantCulture), theirs.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_kill_it_says_that_recovery_comes_first()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        await using (CliServer server = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]))
        {
            await server.KillAsync();
        }

        ToolResult intact = (await CliServer.RunToEndAsync("check", data)).Succeeded();
        Assert.Contains("not stopped cleanly", intact.Output, StringComparison.Ordinal);
        Damage.Flip(Path.Combine(data, "base/5/1259"), 5000);
        ToolResult undecided = await CliServer.RunToEndAsync("check", "--files-only", data);
        Assert.Equal(7, undecided.ExitCode);
        Assert.Contains("undecided: 1 problem,", undecided.Output, StringComparison.Ordinal);

        Damage.Flip(Path.Combine(data, "global/pg_control"), 40);
        ToolResult control = await CliServer.RunToEndAsync("check", data);
        Assert.Equal(6, control.ExitCode);
        Assert.StartsWith("global/pg_control: wrong checksum", control.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Something_else_is_no_data_directory()
    {
        using var directory = new TemporaryDirectory();
        ToolResult result = await CliServer.RunToEndAsync("check", directory.Path);
        Assert.Equal(4, result.ExitCode);
        Assert.Contains(directory.Path, result.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }
}
