using Pocketgres.Installation.Extensions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Extensions;

/// <summary>What the server says it has, and what it says about what it has not.</summary>
[Collection(ExtensionsServer.Name)]
public class AvailabilityTests(ExtensionsFixture fixture)
{
    static readonly ExtensionCatalog s_catalog = ExtensionCatalog.Load();
    static readonly string[] s_withoutComment = ["ip4r"]; // in the control file

    [Fact]
    public async Task Lists_exactly_the_enabled_extensions_of_the_catalog()
    {
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        List<string> actual = await session.ColumnAsync<string>("select name || ' ' || default_version || ' ' || coalesce(comment, '') from pg_available_extensions");
        var enabled = s_catalog.Extensions.Where(e => e.Enabled && e.Kind == ExtensionKind.Extension).ToList();
        Assert.Equal(
            enabled.Select(e => $"{e.Name} {e.Version} {(s_withoutComment.Contains(e.Name) ? "" : e.Comment)}").Order(StringComparer.Ordinal),
            actual.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_has_a_script_that_tests_it()
    {
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        List<string> available = await session.ColumnAsync<string>("select name from pg_available_extensions where name <> 'plpgsql'");
        Assert.Empty(available.Except(ContribTests.ScriptNames).Except(OtherTests.ScriptNames));
    }

    [Fact]
    public async Task Versions_and_update_paths_are_those_of_native()
    {
        const string Paths = "select e.name || ' ' || source || ' ' || target || ' ' || coalesce(path, '-') from pg_available_extensions e, pg_extension_update_paths(e.name) where e.name = any($1)";
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        await using NpgsqlConnection reference = await fixture.Reference.OpenAsync();
        string[] names = [.. await reference.ColumnAsync<string>(
            "select name from pg_available_extensions where name = any($1)", [(await session.ColumnAsync<string>("select name from pg_available_extensions")).ToArray()])];
        List<string> expected = await reference.ColumnAsync<string>(Paths, [names]);
        Assert.True(expected.Count > 100);
        Assert.Equal(expected.Order(StringComparer.Ordinal), (await session.ColumnAsync<string>(Paths, [names])).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("nosuch")]
    [InlineData("postgis")]
    public async Task One_that_nobody_ships_gets_the_stock_error(string name)
    {
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        PostgresException e = await session.ExecuteAsync($"create extension {name}").FailsAsync("0A000");
        Assert.Equal($"extension \"{name}\" is not available", e.MessageText);
        Assert.NotNull(e.Hint);
    }

    [Fact]
    public async Task Many_in_one_session()
    {
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        await session.ExecuteAsync("create database everything");
        try
        {
            await using NpgsqlConnection everything = await fixture.Server.OpenAsync("everything");
            foreach (string name in s_catalog.Extensions.Where(e => e.Enabled && e.Kind == ExtensionKind.Extension).Select(e => e.Name))
            {
                await everything.ExecuteAsync($"set client_min_messages = error; create extension if not exists \"{name}\" cascade");
            }

            // Every library at once in one process: function table and globals have room for all.
            foreach (string library in s_catalog.Extensions.Where(e => e.Enabled).SelectMany(e => e.Libraries).Distinct())
            {
                await everything.ExecuteAsync($"load '$libdir/{library}'");
            }

            Assert.Equal(1, await everything.ScalarAsync<float>("select similarity('a', 'a')"));
            Assert.Equal(64, await everything.ScalarAsync<int>("select length(encode(digest('a', 'sha256'), 'hex'))"));
            Assert.Equal("Hotel", await everything.ScalarAsync<string>("select unaccent('Hôtel')"));
        }
        finally
        {
            await session.ExecuteAsync("drop database everything with (force)");
        }
    }

    [Fact]
    public async Task A_trusted_one_needs_no_superuser_and_another_does()
    {
        await using NpgsqlConnection session = await fixture.Server.OpenAsync();
        await session.ExecuteAsync("create role owner_of_it");
        await session.ExecuteAsync("create database trusted owner owner_of_it");
        try
        {
            await using NpgsqlConnection owner = await fixture.Server.OpenAsync("trusted");
            await owner.ExecuteAsync("set role owner_of_it");
            await owner.ExecuteAsync("create extension citext; create extension pgcrypto");
            await owner.ExecuteAsync("create extension pageinspect").FailsAsync("42501");
        }
        finally
        {
            await session.ExecuteAsync("drop database trusted with (force)");
            await session.ExecuteAsync("drop role owner_of_it");
        }
    }
}
