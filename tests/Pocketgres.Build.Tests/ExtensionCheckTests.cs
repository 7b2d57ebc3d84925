using System.Text;
using Pocketgres.Build.Extensions;
using Pocketgres.Installation.Extensions;

namespace Pocketgres.Build.Tests;

/// <summary>How a disagreement between the catalog of extensions and what was compiled shows.</summary>
public sealed class ExtensionCheckTests : IDisposable
{
    private const string X = """{"name":"x","kind":"Extension","comment":"a test","version":"1.1","libraries":["x"],"enabled":true}""";
    private const string Control = "# a comment\ncomment = 'a test'\ndefault_version = '1.1'\nmodule_pathname = '$libdir/x'\nrelocatable = true\n";

    private readonly TemporaryDirectory _directory = new();

    public ExtensionCheckTests()
    {
        Add(ExtensionCheck.LeftOut, "");
        Add("share/postgresql/postgres.bki", "insert ( 4302 koi8r_to_mic $libdir/cyrillic_and_mic _null_ )\ninsert ( 4303 mic_to_koi8r $libdir/cyrillic_and_mic _null_ )\n");
        foreach (string library in (string[])["cyrillic_and_mic", "libpqwalreceiver", "pgoutput", "test_decoding"])
        {
            Add($"lib/postgresql/{library}.so", "so");
        }
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_agrees_passes()
    {
        Add("lib/postgresql/x.so", "so");
        Add("share/postgresql/extension/x.control", Control);
        ExtensionCheck.Check(Catalog(X), _directory.Path, isFirst: false);
    }

    [Fact]
    public void Every_disagreement_is_named()
    {
        Add("share/postgresql/extension/x.control", Control.Replace("1.1", "1.2", StringComparison.Ordinal) + "requires = 'y,z'\ntrusted = true\n");
        Add("share/postgresql/extension/unknown.control", Control);
        Add("share/postgresql/extension/refused.control", Control);
        var e = Assert.Throws<BuildException>(() => ExtensionCheck.Check(
            Catalog(X, """{"name":"absent","kind":"Extension","comment":"","enabled":true}""",
                """{"name":"refused","kind":"Extension","comment":"","enabled":false,"reason":"unsafe"}"""), _directory.Path, isFirst: false));
        foreach (string part in (string[])["x needs the library x", "default_version is 1.2, the catalog says 1.1", "requires is y, z, the catalog says nothing",
            "trusted is true, the catalog says nothing", "absent is not installed", "unknown is installed, the catalog does not list it",
            "refused is installed, the catalog says that it is not available"])
        {
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_was_left_out_for_want_of_its_source_may_be_absent()
    {
        Assert.Throws<BuildException>(() => ExtensionCheck.Check(Catalog(X), _directory.Path, isFirst: false));
        Add(ExtensionCheck.LeftOut, "x\n");
        ExtensionCheck.Check(Catalog(X), _directory.Path, isFirst: false);
    }

    [Fact]
    public void What_a_first_build_leaves_to_the_next_one_may_be_absent_and_is_named()
    {
        var catalog = Catalog(X, """{"name":"later","kind":"Extension","comment":"","enabled":true,"libraries":["later_library"]}""");
        Add("lib/postgresql/x.so", "so");
        Add("share/postgresql/extension/x.control", Control);
        Assert.Equal(["later", "later_library"], ExtensionCheck.Check(catalog, _directory.Path, isFirst: true));
        Assert.Throws<BuildException>(() => ExtensionCheck.Check(catalog, _directory.Path, isFirst: false));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_library_that_nobody_lists_is_refused(bool isFirst)
    {
        Add("lib/postgresql/x.so", "so");
        Add("share/postgresql/extension/x.control", Control);
        Add("lib/postgresql/hook.so", "so");
        const string Entry = """{"name":"hook_","kind":"Library","comment":"","libraries":["hook"],""";
        foreach (var catalog in (ExtensionCatalog[])[Catalog(X), Catalog(X, Entry + """ "enabled":false,"reason":"unsafe"}""")])
        {
            Assert.Contains("the library hook is installed", Assert.Throws<BuildException>(() => ExtensionCheck.Check(catalog, _directory.Path, isFirst)).Message, StringComparison.Ordinal);
        }

        ExtensionCheck.Check(Catalog(X, Entry + """ "enabled":true}"""), _directory.Path, isFirst);
    }

    [Theory]
    [InlineData("pgoutput")]
    [InlineData("cyrillic_and_mic")]
    public void No_build_is_without_a_library_of_the_server(string library)
    {
        File.Delete(Path.Combine(_directory.Path, "lib", "postgresql", library + ".so"));
        var e = Assert.Throws<BuildException>(() => ExtensionCheck.Check(Catalog(), _directory.Path, isFirst: true));
        Assert.Contains($"the server's own library {library} is not there", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":false}""", "a:")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"reason":"r"}""", "a:")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"requires":["b"]}""", "requires b")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"requires":["b"]},{"name":"b","kind":"Extension","comment":"","enabled":false,"reason":"why not"}""", "why not")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"nosuch":1}""", "nosuch")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true},{"name":"a","kind":"Library","comment":"","enabled":true}""", "twice")]
    public void A_catalog_that_contradicts_itself_is_refused(string extensions, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Catalog(extensions)).Message, StringComparison.Ordinal);

    internal static ExtensionCatalog Catalog(params string[] extensions)
    {
        using var json = new MemoryStream(Encoding.UTF8.GetBytes($$"""{"extensions":[{{string.Join(',', extensions)}}]}"""));
        return ExtensionCatalog.Load(json);
    }

    private void Add(string path, string content)
    {
        string file = Path.Combine(_directory.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }
}
