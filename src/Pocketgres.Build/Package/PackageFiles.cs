using System.Security.Cryptography;
using Pocketgres.Pglite;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Build.Package;

/// <summary>The files of the npm package that the build reads, verified.</summary>
internal sealed class PackageFiles
{
    private readonly Dictionary<string, byte[]> contents = new(StringComparer.Ordinal);

    private PackageFiles()
    {
    }

    /// <summary>SHA-256 of every file of the package that the build reads: the program's own and the extensions' bundles.</summary>
    public static IReadOnlyDictionary<string, string> Expected { get; } = PglitePackage.Sha256
        .Concat(ExtensionCatalog.Load().Bundles.Where(b => b.Package == PglitePackage.NpmName).Select(b => KeyValuePair.Create(b.File, b.Sha256)))
        .ToDictionary(StringComparer.Ordinal);

    /// <summary>Content of a file named in <see cref="Expected"/>.</summary>
    public byte[] this[string name] => contents[name];

    /// <summary>Reads the files and compares them with the pinned hashes.</summary>
    /// <param name="directory">The package's directory, or its <c>dist</c>.</param>
    /// <exception cref="BuildException">A file is missing or is not the expected one.</exception>
    public static PackageFiles Load(string directory) => Load(directory, Expected);

    /// <summary>As <see cref="Load(string)"/>, with other expectations.</summary>
    public static PackageFiles Load(string directory, IReadOnlyDictionary<string, string> sha256)
    {
        string dist = Path.Combine(directory, PglitePackage.Directory);
        string root = Directory.Exists(dist) ? dist : directory;
        var files = new PackageFiles();
        foreach (var (name, expected) in sha256)
        {
            string path = Path.Combine(root, name);
            if (!File.Exists(path))
            {
                throw new BuildException($"{path} is missing: {directory} is not the package {PglitePackage.NpmName}@{PglitePackage.NpmVersion}");
            }

            byte[] content = File.ReadAllBytes(path);
            Verify(name, content, expected);
            files.contents[name] = content;
        }

        return files;
    }

    /// <summary>Compares a file's hash with the pinned one.</summary>
    /// <exception cref="BuildException">They differ: names the file and both hashes.</exception>
    public static void Verify(string name, ReadOnlySpan<byte> content, string expected)
    {
        string actual = Convert.ToHexStringLower(SHA256.HashData(content));
        if (!string.Equals(actual, expected, StringComparison.OrdinalIgnoreCase))
        {
            throw new BuildException(
                $"{name} is not the one of {PglitePackage.NpmName}@{PglitePackage.NpmVersion}: SHA-256 is {actual}, expected {expected}");
        }
    }
}
