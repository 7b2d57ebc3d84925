using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>
/// Extensions that are no part of PostgreSQL. Native PostgreSQL from Debian does not have them: each script's output is compared with the file beside it,
/// which was checked by hand against the projects' documentation and by arithmetic.
/// </summary>
[Collection(ExtensionsServer.Name)]
public class OtherTests(ExtensionsFixture fixture)
{
    const string FixedKey = "--restrict-key=pocketgres";

    static string Scripts => Path.Combine(Workspace.ClientScripts, "sql", "extensions", "other");

    /// <summary>The extensions that have a script.</summary>
    internal static IEnumerable<string> ScriptNames =>
        Directory.EnumerateFiles(Scripts, "*.sql").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal);

    public static TheoryData<string> Names => [.. ScriptNames];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Does_what_its_project_says(string name)
    {
        await using NpgsqlConnection administrator = await fixture.Server.OpenAsync();
        await administrator.ExecuteAsync($"create database other_{name}");
        try
        {
            ToolResult result = await fixture.Server.RunAsync("psql", ["-X", "-q", "-A", "-t", "-f", Path.Combine(Scripts, name + ".sql")], "other_" + name);
            string actual = result.Output + "---- stderr\n" + result.Error.Replace(Scripts + "/", "", StringComparison.Ordinal);
            Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Scripts, name + ".out")), actual);
            await using NpgsqlConnection session = await fixture.Server.OpenAsync("other_" + name);
            await session.ExecuteAsync($"set client_min_messages = error; drop extension {name} cascade");
            Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from pg_proc where probin like '%/' || $1", name));
        }
        finally
        {
            await administrator.ExecuteAsync($"drop database other_{name} with (force)");
        }
    }

    // The others' scripts leave nothing to dump.
    [Theory]
    [InlineData("vector")]
    [InlineData("rum")]
    [InlineData("ip4r")]
    public async Task Survives_dump_and_restore(string name)
    {
        await using NpgsqlConnection administrator = await fixture.Server.OpenAsync();
        await administrator.ExecuteAsync($"create database dumped_{name}");
        await administrator.ExecuteAsync($"create database restored_{name}");
        try
        {
            (await fixture.Server.RunAsync("psql", ["-X", "-q", "-f", Path.Combine(Scripts, name + ".sql")], "dumped_" + name)).Succeeded();
            string dump = (await fixture.Server.RunAsync("pg_dump", [FixedKey], "dumped_" + name)).Succeeded().Output;
            (await fixture.Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1"], "restored_" + name, dump)).Succeeded();
            Assert.Equal(dump, (await fixture.Server.RunAsync("pg_dump", [FixedKey], "restored_" + name)).Succeeded().Output);
        }
        finally
        {
            await administrator.ExecuteAsync($"drop database dumped_{name} with (force)");
            await administrator.ExecuteAsync($"drop database restored_{name} with (force)");
        }
    }

    [Fact]
    public async Task Vector_indexes_survive_a_power_cut()
    {
        using var directory = new TemporaryDirectory();
        var options = new ServerOptions { DataDirectory = directory.Combine("data") };
        await using (TestServer server = await TestServer.StartAsync(options))
        {
            await using NpgsqlConnection session = await server.OpenAsync();
            await session.ExecuteAsync("create extension vector; create table t (id int, v vector(3)); create index on t using hnsw (v vector_l2_ops); checkpoint");
            await session.ExecuteAsync("insert into t select i, array[i % 11, i % 13, i % 17]::vector from generate_series(1, 500) i");
            await server.KillAsync();
        }

        await using TestServer restarted = await TestServer.StartAsync(options);
        await using NpgsqlConnection after = await restarted.OpenAsync();
        await after.ExecuteAsync("set enable_seqscan = off");
        Assert.Equal(
            await after.ScalarAsync<double[]>("select array_agg(d) from (select v <-> '[1,2,3]' d from (select * from t offset 0) s order by 1 limit 5) s"),
            await after.ScalarAsync<double[]>("select array_agg(d) from (select v <-> '[1,2,3]' d from t order by v <-> '[1,2,3]' limit 5) s"));
    }
}
