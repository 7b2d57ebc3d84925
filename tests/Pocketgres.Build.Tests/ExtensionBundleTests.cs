using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Pocketgres.Build.Extensions;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Tests;

/// <summary>Bundles, and how a disagreement with the catalog shows.</summary>
public class ExtensionBundleTests
{
    private const string Control = "comment = 'a test'\ndefault_version = '1.1'\nmodule_pathname = '$libdir/x'\nrelocatable = true\n";

    private static readonly ExtensionInfo X = new()
    {
        Name = "x", Kind = ExtensionKind.Extension, Comment = "a test", Version = "1.1", Libraries = ["x"], Enabled = true,
    };

    [Fact]
    public void A_bundle_that_agrees_is_read_without_headers_and_examples()
    {
        var bundle = Bundle(("lib/postgresql/x.so", "so"), ("share/postgresql/extension/x.control", Control),
            ("share/postgresql/extension/x--1.1.sql", "sql"), ("include/postgresql/x.h", "h"), ("share/doc/postgresql/extension/x.example", "e"));
        BundleCheck.Check(bundle, [X]);
        Assert.Equal(["lib/postgresql/x.so"], bundle.Libraries.Select(f => f.Path));
        Assert.Equal(3, bundle.Installed.Count);
        Assert.Empty(bundle.Without([X]).Installed);
    }

    [Fact]
    public void Every_disagreement_is_named()
    {
        var bundle = Bundle(("share/postgresql/extension/x.control", Control.Replace("1.1", "1.2", StringComparison.Ordinal) + "requires = 'y'\ntrusted = true\n"),
            ("share/postgresql/tsearch_data/z.rules", ""));
        var e = Assert.Throws<BuildException>(() => BundleCheck.Check(bundle, [X]));
        foreach (string part in (string[])["b.tar.gz", "x.so", "no script", "default_version is 1.2", "requires is y", "trusted is true", "z.rules belongs to no extension"])
        {
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_outside_the_installation_is_refused() =>
        Assert.Contains("etc/x", Assert.Throws<BuildException>(() => Bundle(("etc/x", ""))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":false}""", "a:")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"reason":"r"}""", "a:")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"bundle":"b"}""", "bundle b")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"requires":["b"]}""", "requires b")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"requires":["b"]},{"name":"b","kind":"Extension","comment":"","enabled":false,"reason":"why not"}""", "why not")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true,"nosuch":1}""", "nosuch")]
    [InlineData("""{"name":"a","kind":"Extension","comment":"","enabled":true},{"name":"a","kind":"Library","comment":"","enabled":true}""", "twice")]
    public void A_catalog_that_contradicts_itself_is_refused(string extensions, string message)
    {
        using var json = new MemoryStream(Encoding.UTF8.GetBytes($$"""{"packages":[],"bundles":[],"extensions":[{{extensions}}]}"""));
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => ExtensionCatalog.Load(json)).Message, StringComparison.Ordinal);
    }

    private static ExtensionBundle Bundle(params (string Path, string Content)[] files)
    {
        var archive = new MemoryStream();
        using (var writer = new TarWriter(new GZipStream(archive, CompressionLevel.Fastest)))
        {
            foreach (var (path, content) in files)
            {
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) });
            }
        }

        return ExtensionBundle.Read("b.tar.gz", archive.ToArray());
    }
}
