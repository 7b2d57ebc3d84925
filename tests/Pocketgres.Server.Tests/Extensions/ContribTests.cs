using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>
/// Every extension that is shipped: its script (tests/clients/sql/extensions) prints to the byte what native PostgreSQL 18 prints, what it made
/// survives a dump and restore, and DROP EXTENSION leaves nothing.
/// </summary>
[Collection(ExtensionsServer.Name)]
public partial class ContribTests(ExtensionsFixture fixture)
{
    const string FixedKey = "--restrict-key=pocketgres";

    // Text that is another one each time: process ids, times, places in the log, OIDs.
    [GeneratedRegex(@"(?<=\bPID )\d+|(?<=duration: )[\d.]+|(?<=Relation OIDs: )\d+|\b[0-9A-F]+/[0-9A-F]{6,8}\b")]
    private static partial Regex Changing { get; }

    static string Scripts => Path.Combine(Workspace.ClientScripts, "sql", "extensions");

    /// <summary>The extensions that have a script.</summary>
    internal static IEnumerable<string> ScriptNames =>
        Directory.EnumerateFiles(Scripts, "*.sql").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal);

    public static TheoryData<string> Names => [.. ScriptNames];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Does_what_native_does_and_survives_dump_and_drop(string name)
    {
        string database = "contrib_" + name.Replace('-', '_');

        // What a script's server may write, under a name nobody else has: /tmp may hold another user's files, and the servers run as different users.
        string file = $"/tmp/pocketgres-{Path.GetRandomFileName()}";
        try
        {
            Assert.Equal(await RunScriptAsync(fixture.Reference, database, name, file), await RunScriptAsync(fixture.Server, database, name, file));

            string dump = await DumpAsync(database);
            await CreateAsync(fixture.Server, database + "_restored");
            (await fixture.Server.RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1"], database + "_restored", dump)).Succeeded();
            Assert.Equal(dump, await DumpAsync(database + "_restored"));

            await using NpgsqlConnection session = await fixture.Server.OpenAsync(database + "_restored");
            bool created = await session.ScalarAsync<bool>("select exists (select from pg_extension where extname = $1)", name);
            Assert.Equal(await session.ScalarAsync<bool>("select exists (select from pg_available_extensions where name = $1)", name), created);
            if (created)
            {
                await session.ExecuteAsync($"set client_min_messages = error; drop extension \"{name}\" cascade");
                Assert.Equal(0, await session.ScalarAsync<long>("select count(*) from pg_proc where probin like '%/' || $1", name));
            }
        }
        finally
        {
            await DropAsync(fixture.Reference, database);
            await DropAsync(fixture.Server, database);
            await DropAsync(fixture.Server, database + "_restored");
        }
    }

    static async Task<string> RunScriptAsync(TestServer server, string database, string name, string file)
    {
        await CreateAsync(server, database);
        try
        {
            ToolResult result = await server.RunAsync("psql", ["-X", "-q", "-a", "-v", $"file={file}", "-f", Path.Combine(Scripts, name + ".sql")], database);
            Assert.Equal(0, result.ExitCode);
            return Changing.Replace(result.Output + "\n---- stderr\n" + result.Error, "#");
        }
        finally
        {
            File.Delete(file);
        }
    }

    static async Task CreateAsync(TestServer server, string database)
    {
        await using NpgsqlConnection session = await server.OpenAsync();

        // One ctype for both: which letters there are decides about trigrams, for instance.
        await session.ExecuteAsync($"create database {database} template template0 locale_provider libc lc_collate 'C' lc_ctype 'C.UTF-8'");
    }

    static async Task DropAsync(TestServer server, string database)
    {
        await using NpgsqlConnection session = await server.OpenAsync();
        await session.ExecuteAsync($"drop database if exists {database} with (force)");
    }

    async Task<string> DumpAsync(string database) => (await fixture.Server.RunAsync("pg_dump", [FixedKey], database)).Succeeded().Output;
}
