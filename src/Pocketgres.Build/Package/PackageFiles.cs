using System.Security.Cryptography;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Package;

/// <summary>The files of the npm package that the build reads, verified.</summary>
internal sealed class PackageFiles
{
    private readonly Dictionary<string, byte[]> contents = new(StringComparer.Ordinal);

    private PackageFiles()
    {
    }

    /// <summary>Content of a file of the packages.</summary>
    public byte[] this[string name] => contents[name];

    /// <summary>Reads the files and compares them with the pinned hashes.</summary>
    /// <param name="directory">The package's directory, or its <c>dist</c>.</param>
    /// <exception cref="BuildException">A file is missing or is not the expected one.</exception>
    public static PackageFiles Load(string directory) => Load(directory, NpmPackage.Pglite);

    /// <summary>As <see cref="Load(string)"/>, with other expectations.</summary>
    public static PackageFiles Load(string directory, IReadOnlyDictionary<string, string> sha256) => Load(directory, NpmPackage.Pglite with { Sha256 = sha256 });

    /// <summary>As <see cref="Load(string)"/>, of another package.</summary>
    public static PackageFiles Load(string directory, NpmPackage package)
    {
        string dist = Path.Combine(directory, PglitePackage.Directory);
        string root = Directory.Exists(dist) ? dist : directory;
        var files = new PackageFiles();
        foreach (var (name, expected) in package.Sha256)
        {
            string path = Path.Combine(root, name);
            if (!File.Exists(path))
            {
                throw new BuildException($"{path} is missing: {directory} is not the package {package.Id}");
            }

            byte[] content = File.ReadAllBytes(path);
            Verify(name, content, expected, package.Id);
            files.contents[name] = content;
        }

        return files;
    }

    /// <summary>Adds another package's files to these; their names differ.</summary>
    public void Add(PackageFiles other)
    {
        foreach (var (name, content) in other.contents)
        {
            contents.Add(name, content);
        }
    }

    /// <summary>Compares a file's hash with the pinned one.</summary>
    /// <exception cref="BuildException">They differ: names the file and both hashes.</exception>
    public static void Verify(string name, ReadOnlySpan<byte> content, string expected, string package)
    {
        string actual = Convert.ToHexStringLower(SHA256.HashData(content));
        if (!string.Equals(actual, expected, StringComparison.OrdinalIgnoreCase))
        {
            throw new BuildException(
                $"{name} is not the one of {package}: SHA-256 is {actual}, expected {expected}");
        }
    }
}
