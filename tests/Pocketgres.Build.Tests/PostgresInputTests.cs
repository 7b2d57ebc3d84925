using System.Text;
using Pocketgres.Build.Inputs;
using Pocketgres.Build.Publishing;
using Pocketgres.Kernel.Files;
using Pocketgres.Installation;

namespace Pocketgres.Build.Tests;

/// <summary>The result of eng/engine.sh as what an engine is made of.</summary>
public sealed class PostgresInputTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public PostgresInputTests()
    {
        Add("bin/postgres", "server");
        Add("bin/psql", "client");
        foreach (string library in (string[])["libpqwalreceiver", "pgoutput", "plpgsql", "test_decoding"])
        {
            Add($"lib/postgresql/{library}.so", library);
        }

        Add("share/postgresql/errcodes.txt", "codes");
        Add("debug/postgres", "not installed");
        Add("VERSION", "PostgreSQL 18.6\n");
        Add(".complete", "");
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Programs_and_libraries_are_translated()
    {
        var modules = new PostgresInput(_directory.Path).Modules;
        Assert.Equal(["postgres", "psql", "libpqwalreceiver", "pgoutput", "plpgsql", "test_decoding"], modules.All.Select(m => m.Name));
        Assert.Equal("client"u8.ToArray(), modules.Programs.Single().Bytes.ToArray());
    }

    [Fact]
    public void Modules_are_installed_by_name_and_other_files_as_they_are()
    {
        using var output = new TemporaryDirectory();
        new PostgresInput(_directory.Path).WriteSupport(output.Path, ExtensionCheckTests.Catalog("""{"name":"language","kind":"Library","comment":"","enabled":true,"libraries":["plpgsql"]}"""));
        using var files = MemoryFileSystem.FromImage(FileSystemImage.Open(
            Path.Combine(output.Path, EngineArtifacts.SupportIndex), Path.Combine(output.Path, EngineArtifacts.SupportImage)));
        Assert.Equal("codes"u8.ToArray(), FileTree.ReadAll(files, "/share/postgresql/errcodes.txt", 100));
        Assert.Equal("translated to Pocketgres.Translated.Plpgsql\n", Encoding.UTF8.GetString(FileTree.ReadAll(files, "/lib/postgresql/plpgsql.so", 100)));
        Assert.True(FileTree.Exists(files, "/bin/psql"));
        Assert.False(FileTree.Exists(files, "/debug/postgres"));
        Assert.Equal("18.6\n", File.ReadAllText(Path.Combine(output.Path, EngineArtifacts.PostgresVersion)));
    }

    [Fact]
    public void The_key_changes_with_every_file()
    {
        string before = Key();
        Assert.Equal(before, Key());
        Add("share/postgresql/errcodes.txt", "other codes");
        Assert.NotEqual(before, Key());
    }

    [Fact]
    public void A_build_that_is_not_complete_is_refused_with_what_to_do()
    {
        File.Delete(Path.Combine(_directory.Path, ".complete"));
        var e = Assert.Throws<BuildException>(() => new PostgresInput(_directory.Path));
        Assert.Contains("eng/engine.sh", e.Message, StringComparison.Ordinal);
    }

    private string Key()
    {
        var key = new CacheKey();
        new PostgresInput(_directory.Path).AddTo(key);
        return key.Value;
    }

    private void Add(string path, string content)
    {
        string file = Path.Combine(_directory.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }
}
