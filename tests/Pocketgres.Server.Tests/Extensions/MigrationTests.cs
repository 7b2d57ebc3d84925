using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>Migrations as tools write them, run without any configuration, and what `pocketgres scan` says about them.</summary>
[Collection(ExtensionsServer.Name)]
public class MigrationTests(ExtensionsFixture fixture)
{
    static string Migrations => Path.Combine(Workspace.ClientScripts, "migrations");

    [Theory]
    [InlineData("prisma", "citext, pg_trgm, pgcrypto, uuid-ossp")]
    [InlineData("drizzle", "citext, ltree, pg_trgm")]
    [InlineData("knex", "hstore, unaccent, uuid-ossp")]
    [InlineData("django", "btree_gin, citext, fuzzystrmatch, hstore, pg_trgm, pgcrypto, unaccent")]
    [InlineData("pgvector", "vector")]
    [InlineData("diesel", "btree_gist, ltree, pgcrypto")]
    public async Task Runs_as_it_is(string tool, string extensions)
    {
        string database = "migration_" + tool;
        await using NpgsqlConnection administrator = await fixture.Server.OpenAsync();
        await administrator.ExecuteAsync($"create database {database}");
        try
        {
            string script = Assert.Single(Directory.GetFiles(Path.Combine(Migrations, tool), "*.sql"));
            (await fixture.Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script], database)).Succeeded();
            await using NpgsqlConnection session = await fixture.Server.OpenAsync(database);
            List<string> created = await session.ColumnAsync<string>("select extname from pg_extension where extname <> 'plpgsql' order by extname collate \"C\"");
            Assert.Equal(extensions, string.Join(", ", created));
        }
        finally
        {
            await administrator.ExecuteAsync($"drop database {database} with (force)");
        }
    }

    [OursFact]
    public async Task Scan_finds_what_they_need()
    {
        ToolResult result = await CliServer.RunToEndAsync("scan", Path.Combine(Migrations, "prisma"), Path.Combine(Migrations, "drizzle"),
            Path.Combine(Migrations, "knex"), Path.Combine(Migrations, "django"), Path.Combine(Migrations, "diesel"));
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Equal(
            ["btree_gin", "btree_gist", "citext", "fuzzystrmatch", "hstore", "ltree", "pg_trgm", "pgcrypto", "unaccent", "uuid-ossp"],
            result.Output.Split('\n').Where(l => l.EndsWith(": available", StringComparison.Ordinal)).Select(l => l[..^": available".Length]));
        Assert.EndsWith("10 files, 10 extensions needed, 0 not available\n", result.Output, StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Scan_fails_on_what_is_missing()
    {
        ToolResult result = await CliServer.RunToEndAsync("scan", Path.Combine(Migrations, "unavailable"));
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("no_such_extension: NOT AVAILABLE: not known", result.Output, StringComparison.Ordinal);
        Assert.Contains("postgis_raster: NOT AVAILABLE: needs postgis", result.Output, StringComparison.Ordinal);
        Assert.Contains("postgis: NOT AVAILABLE: ", result.Output, StringComparison.Ordinal);
        Assert.Contains("vector: available", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("1 file, 5 extensions needed, 3 not available\n", result.Output, StringComparison.Ordinal);
        Assert.Equal(2, (await CliServer.RunToEndAsync("scan", "/no/such/path")).ExitCode);
    }

    [OursFact]
    public async Task Extensions_are_listed_and_explained()
    {
        string list = (await CliServer.RunToEndAsync("extensions")).Succeeded().Output;
        Assert.Equal(list, (await CliServer.RunToEndAsync("extensions", "list")).Succeeded().Output);
        Assert.Contains("  citext ", list, StringComparison.Ordinal);
        Assert.Contains("use:              CREATE EXTENSION \"uuid-ossp\"\n", (await CliServer.RunToEndAsync("extensions", "info", "uuid-ossp")).Succeeded().Output, StringComparison.Ordinal);
        ToolResult missing = await CliServer.RunToEndAsync("extensions", "info", "plv8");
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("available:        no: ", missing.Output, StringComparison.Ordinal);
        ToolResult unknown = await CliServer.RunToEndAsync("extensions", "info", "nosuch");
        Assert.Equal(1, unknown.ExitCode);
        Assert.Contains("\"nosuch\"", unknown.Error, StringComparison.Ordinal);
    }
}
