using System.Security.Cryptography;
using System.Text;

namespace Pocketgres.Build.Publishing;

/// <summary>Accumulates named inputs into a key: any changed input is another key. The parts are kept for the report.</summary>
internal sealed class CacheKey
{
    private readonly List<(string Name, string Value)> parts = [];

    /// <summary>The named inputs in order.</summary>
    public IReadOnlyList<(string Name, string Value)> Parts => parts;

    /// <summary>SHA-256 over all parts, first 16 hexadecimal digits.</summary>
    public string Value
    {
        get
        {
            var text = new StringBuilder();
            foreach (var (name, value) in parts)
            {
                text.Append(name.Length).Append(':').Append(name).Append(value.Length).Append(':').Append(value);
            }

            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];
        }
    }

    /// <summary>Adds a text.</summary>
    public CacheKey Add(string name, string value)
    {
        parts.Add((name, value));
        return this;
    }

    /// <summary>Adds the content of bytes.</summary>
    public CacheKey Add(string name, ReadOnlySpan<byte> content) => Add(name, Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>Adds the content of a file.</summary>
    public CacheKey AddFile(string name, string path) => Add(name, File.ReadAllBytes(path));
}
