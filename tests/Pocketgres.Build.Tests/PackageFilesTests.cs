using System.Security.Cryptography;
using Pocketgres.Build.Package;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Tests;

public class PackageFilesTests
{
    private static readonly byte[] Content = "content"u8.ToArray();
    private static readonly string Hash = Convert.ToHexStringLower(SHA256.HashData(Content));

    [Fact]
    public void A_changed_file_is_named_with_both_hashes()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["x.wasm"], "tampered");
        var e = Assert.Throws<BuildException>(() => PackageFiles.Load(directory.Path, new Dictionary<string, string> { ["x.wasm"] = Hash }));
        Assert.Contains("x.wasm", e.Message, StringComparison.Ordinal);
        Assert.Contains(Hash, e.Message, StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData("tampered"u8)), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        using var directory = new TemporaryDirectory();
        var e = Assert.Throws<BuildException>(() => PackageFiles.Load(directory.Path));
        Assert.Contains(PglitePackage.PostgresWasm, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_package_directory_and_its_dist_are_both_accepted()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory["dist"]);
        File.WriteAllBytes(directory["dist/x.wasm"], Content);
        var expected = new Dictionary<string, string> { ["x.wasm"] = Hash };
        Assert.Equal(Content, PackageFiles.Load(directory.Path, expected)["x.wasm"]);
        Assert.Equal(Content, PackageFiles.Load(directory["dist"], expected)["x.wasm"]);
    }
}
