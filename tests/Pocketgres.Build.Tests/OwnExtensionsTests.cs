using Pocketgres.Build.Extensions;
using Pocketgres.Build.Inputs;
using Pocketgres.Build.Publishing;
using Pocketgres.Installation;
using Pocketgres.Installation.Extensions;

namespace Pocketgres.Build.Tests;

/// <summary>Extensions that eng/extension.sh has compiled beside PostgreSQL's build.</summary>
public sealed class OwnExtensionsTests : IDisposable
{
    private const string Known = """{"name":"known","kind":"Extension","comment":"a known one","enabled":false,"reason":"not tried","preload":"Required","tells":{"types":["knowntype"]}}""";

    private readonly TemporaryDirectory _directory = new();

    public OwnExtensionsTests()
    {
        Add("pg/bin/postgres", "server");
        foreach (string library in (string[])["libpqwalreceiver", "pgoutput", "test_decoding"])
        {
            Add($"pg/lib/postgresql/{library}.so", library);
        }

        Add("pg/VERSION", "PostgreSQL 18.6\n");
        Add("pg/.complete", "");
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void They_are_translated_installed_and_in_the_key()
    {
        string before = Key();
        Assert.Equal(["postgres", "libpqwalreceiver", "pgoutput", "test_decoding"], Input().Modules.All.Select(m => m.Name));
        Add("own/mine/lib/postgresql/mine.so", "mine");
        Assert.Equal(["postgres", "libpqwalreceiver", "mine", "pgoutput", "test_decoding"], Input().Modules.All.Select(m => m.Name));
        Assert.NotEqual(before, Key());
    }

    [Fact]
    public void The_catalog_gets_what_their_control_files_say_and_keeps_what_it_knew()
    {
        Add("own/mine/lib/postgresql/mine.so", "mine");
        Add("own/mine/share/postgresql/extension/mine.control", "default_version = '2.0'\nrequires = 'known, plpgsql'\ntrusted = true\n");
        Add("own/known/lib/postgresql/known.so", "known");
        Add("own/known/share/postgresql/extension/known.control", "comment = 'its own words'\ndefault_version = '1.4'\n");
        Add("own/hook/lib/postgresql/hook.so", "hook");
        using var output = new TemporaryDirectory();
        var catalog = ExtensionCheckTests.Catalog(Known);
        Input().WriteSupport(output.Path, catalog);
        catalog = catalog.With(ExtensionCatalog.FromJson(File.ReadAllBytes(Path.Combine(output.Path, EngineArtifacts.OwnExtensions))));
        Assert.Equal(["hook", "known", "mine"], catalog.Extensions.Select(e => e.Name));
        Assert.All(catalog.Extensions, e => Assert.True(e.Enabled));
        var mine = catalog.Find("mine")!;
        Assert.Equal(("2.0", true), (mine.Version, mine.Trusted));
        Assert.Equal(["known", "plpgsql"], mine.Requires);
        Assert.Equal(["mine"], mine.Libraries);
        var known = catalog.Find("known")!;
        Assert.Equal(("1.4", "its own words", PreloadNeed.Required, (string?)null), (known.Version, known.Comment, known.Preload, known.Reason));
        Assert.Equal(["knowntype"], known.Tells.Types);
        Assert.Equal(ExtensionKind.Library, catalog.Find("hook")!.Kind);
    }

    [Fact]
    public void A_file_that_two_have_is_refused()
    {
        Add("own/mine/lib/postgresql/pgoutput.so", "another");
        var e = Assert.Throws<BuildException>(Input);
        Assert.Contains(Path.Combine("own", "mine"), e.Message, StringComparison.Ordinal);
        Assert.Contains("remove one", e.Message, StringComparison.Ordinal);
    }

    private PostgresInput Input() => new(Path.Combine(_directory.Path, "pg"), Path.Combine(_directory.Path, "own"));

    private string Key()
    {
        var key = new CacheKey();
        Input().AddTo(key);
        return key.Value;
    }

    private void Add(string path, string content)
    {
        string file = Path.Combine(_directory.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }
}
