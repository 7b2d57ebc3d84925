using Pocketgres.Build.Images;
using Pocketgres.Build.Package;
using Pocketgres.Kernel.Files;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Tests;

public class SupportImageTests
{
    [Fact]
    public void Holds_the_installed_files_and_the_names_of_libraries()
    {
        using var directory = new TemporaryDirectory();
        var data = "0123456789"u8.ToArray();
        SupportImage.Write(directory.Path, data,
        [
            new DataIndex.Entry("/home/postgres/.pgpass", 0, 2),
            new DataIndex.Entry("/pglite/bin/postgres", 2, 3),
            new DataIndex.Entry("/pglite/lib/postgresql/plpgsql.so", 3, 7),
            new DataIndex.Entry("/pglite/lib/postgresql/pgxs/src/Makefile", 7, 8),
            new DataIndex.Entry("/pglite/share/postgresql/a.sql", 8, 10),
        ], [], new Dictionary<string, byte[]>());
        using (var image = FileSystemImage.Open(directory[EngineArtifacts.SupportIndex], directory[EngineArtifacts.SupportImage]))
        {
            image.ExtractTo(directory["out"], sync: false);
        }

        Assert.Equal(
            ["bin/postgres", "lib/postgresql/plpgsql.so", "lib/postgresql/test_decoding.so", "share/postgresql/a.sql"],
            Directory.EnumerateFiles(directory["out"], "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(directory["out"], f)).Order());
        Assert.Equal("89", File.ReadAllText(directory["out/share/postgresql/a.sql"]));
        Assert.Contains("Pocketgres.Translated.Plpgsql", File.ReadAllText(directory["out/lib/postgresql/plpgsql.so"]), StringComparison.Ordinal);
        Assert.True(File.GetUnixFileMode(directory["out/bin/postgres"]).HasFlag(UnixFileMode.OtherExecute));
    }
}
