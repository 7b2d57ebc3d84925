using System.Security.Cryptography;
using System.Text;

namespace Pocketgres.Migrations;

/// <summary>A migration of a folder, as its tool's format reads it.</summary>
/// <param name="Name">What people call it, unique in its folder.</param>
/// <param name="Key">What the tool's own table has of it.</param>
/// <param name="File">The file.</param>
/// <param name="Sql">What to run.</param>
internal sealed record Migration(string Name, string Key, string File, string Sql)
{
    /// <summary>SHA-256 of the file, in hexadecimal digits.</summary>
    public required string Checksum { get; init; }

    /// <summary>What the tool's own table has as a checksum; null where it has none.</summary>
    public string? ToolChecksum { get; init; }

    /// <summary>The line of the file that <see cref="Sql"/> begins at, from 1.</summary>
    public int FirstLine { get; init; } = 1;

    /// <summary>The file itself says that it is not to run in one transaction.</summary>
    public bool NoTransaction { get; init; }

    /// <summary>To run again whenever it has changed.</summary>
    public bool IsRepeatable { get; init; }

    /// <summary>SHA-256 in the form the tables have.</summary>
    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>A migration that is a whole file.</summary>
    public static Migration Whole(string name, string key, string file)
    {
        byte[] bytes = System.IO.File.ReadAllBytes(file);
        return new Migration(name, key, file, Encoding.UTF8.GetString(bytes)) { Checksum = Hash(bytes) };
    }
}
