using System.Text.Json;
using System.Text.Json.Serialization;

namespace Pocketgres.Installation.Extensions;

/// <summary>
/// What this version knows about extensions: those it ships, and well-known ones that it does not, with the reason. The file catalog.json
/// beside this one is the only source; the build compares it with the installed control files and fails when they disagree.
/// </summary>
public sealed class ExtensionCatalog
{
    private const string Resource = "Pocketgres.Installation.Extensions.catalog.json";

    private readonly Dictionary<string, ExtensionInfo> _byName;

    private ExtensionCatalog(CatalogFile file)
    {
        Extensions = file.Extensions;
        _byName = file.Extensions.ToDictionary(e => e.Name, StringComparer.Ordinal);
    }

    /// <summary>All extensions, ordered by name.</summary>
    public IReadOnlyList<ExtensionInfo> Extensions { get; }

    /// <summary>Reads the catalog of this version. Nothing is cached: the server itself never needs it.</summary>
    public static ExtensionCatalog Load()
    {
        using var stream = typeof(ExtensionCatalog).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"the resource {Resource} is missing");
        return Load(stream);
    }

    /// <summary>Reads a catalog.</summary>
    /// <exception cref="InvalidDataException">It contradicts itself: says where.</exception>
    public static ExtensionCatalog Load(Stream json)
    {
        CatalogFile file;
        try
        {
            file = JsonSerializer.Deserialize(json, CatalogJson.Default.CatalogFile) ?? throw new InvalidDataException("the catalog is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the catalog cannot be read: {e.Message}", e);
        }

        foreach (var same in file.Extensions.GroupBy(e => e.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            throw new InvalidDataException($"the catalog lists {same.Key} twice");
        }

        var catalog = new ExtensionCatalog(file);
        foreach (var extension in catalog.Extensions)
        {
            catalog.Check(extension);
        }

        return catalog;
    }

    /// <summary>A catalog of these.</summary>
    public static ExtensionCatalog Of(IEnumerable<ExtensionInfo> extensions) => new(new CatalogFile([.. extensions]));

    /// <summary>Reads what <see cref="ToJson"/> has written.</summary>
    public static ExtensionCatalog FromJson(ReadOnlySpan<byte> json) => new(JsonSerializer.Deserialize(json, CatalogJson.Default.CatalogFile)!);

    /// <summary>The catalog as a file.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new CatalogFile(Extensions), CatalogJson.Default.CatalogFile);

    /// <summary>The catalog with those of another one, which replace entries of the same names.</summary>
    public ExtensionCatalog With(ExtensionCatalog other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Of(Extensions.Where(e => other.Find(e.Name) is null).Concat(other.Extensions).OrderBy(e => e.Name, StringComparer.Ordinal));
    }

    /// <summary>The catalog as it is true for one installation: what was left out when it was compiled is not enabled.</summary>
    /// <param name="isInstalled">Whether the extension or library of this entry is there.</param>
    public ExtensionCatalog ForInstallation(Func<ExtensionInfo, bool> isInstalled)
    {
        ArgumentNullException.ThrowIfNull(isInstalled);
        return new ExtensionCatalog(new CatalogFile([.. Extensions.Select(e => e.Enabled && !isInstalled(e)
            ? e with { Enabled = false, Reason = "left out of this build of the engine, because its source could not be had" }
            : e)]));
    }

    /// <summary>The extension of this name, or null if the catalog does not know it.</summary>
    public ExtensionInfo? Find(string name) => _byName.GetValueOrDefault(name);

    private void Check(ExtensionInfo extension)
    {
        if (extension.Enabled == extension.Reason is not null)
        {
            throw new InvalidDataException($"{extension.Name}: an extension is either enabled or has a reason why not");
        }

        foreach (string required in extension.Requires)
        {
            var other = Find(required) ?? throw new InvalidDataException($"{extension.Name} requires {required}, which the catalog does not list");
            if (extension.Enabled && !other.Enabled)
            {
                throw new InvalidDataException($"{extension.Name} requires {required}, which is not enabled: {other.Reason}");
            }
        }
    }
}

/// <summary>The form of catalog.json.</summary>
internal sealed record CatalogFile(IReadOnlyList<ExtensionInfo> Extensions);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CatalogFile))]
internal sealed partial class CatalogJson : JsonSerializerContext;
