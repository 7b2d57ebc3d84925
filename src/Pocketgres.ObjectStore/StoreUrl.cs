using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Transport;

namespace Pocketgres.ObjectStore;

/// <summary>A place in an object store as people write it: <c>s3://BUCKET/PREFIX?name=value</c>, or <c>az://CONTAINER/PREFIX?name=value</c>.</summary>
internal sealed record StoreUrl
{
    private const string S3 = "s3", Azure = "az";

    // Parameters of the stores themselves.
    private static readonly Dictionary<string, string[]> s_schemes = new(StringComparer.Ordinal) { [S3] = ["endpoint", "region"], [Azure] = ["account", "endpoint"] };

    private StoreUrl(string scheme, string bucket, string prefix, IReadOnlyDictionary<string, string> parameters)
    {
        Scheme = scheme;
        Bucket = bucket;
        Prefix = prefix;
        Parameters = parameters;
    }

    /// <summary>The kind of store: s3 or az.</summary>
    public string Scheme { get; }

    /// <summary>The bucket, or container.</summary>
    public string Bucket { get; }

    /// <summary>Where in it, with a slash at its end.</summary>
    public string Prefix { get; }

    /// <summary>What follows the question mark, decoded.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; }

    /// <summary>Reads a URL; <paramref name="error"/> is one line that says what is wrong.</summary>
    /// <param name="text">The URL.</param>
    /// <param name="known">Names of parameters besides those of the store.</param>
    /// <param name="url">The result.</param>
    /// <param name="error">One line that says what is wrong and what to write instead.</param>
    public static bool TryParse(string text, IReadOnlyCollection<string> known, [NotNullWhen(true)] out StoreUrl? url, [NotNullWhen(false)] out string? error)
    {
        (url, error) = Read(text, known);
        return url is not null;
    }

    /// <summary>Whether a text is meant to be one, to be told from paths and other URLs.</summary>
    public static bool Matches(string text) => s_schemes.Keys.Any(s => text.StartsWith(s + ":", StringComparison.OrdinalIgnoreCase));

    /// <summary>Opens the bucket: begins to connect, and asks nothing of it yet.</summary>
    public IObjectStore Open(Func<string, string?> environment)
    {
        var endpoint = Scheme == S3 && Parameters.TryGetValue("endpoint", out string? given) ? HttpOrigin.Parse(given) : null;
        return Scheme == Azure
            ? StoreDriver.Find(Azure)!.Open(Bucket, Parameters, environment)
            : new S3ObjectStore(
                new S3Options { Bucket = Bucket, Endpoint = endpoint, Region = Parameters.GetValueOrDefault("region") ?? S3Credentials.FindRegion(environment) ?? "us-east-1" },
                environment);
    }

    /// <summary>Whether another URL is of the same bucket.</summary>
    public bool IsSameBucket(StoreUrl other) =>
        (Scheme, Bucket) == (other.Scheme, other.Bucket) && s_schemes[Scheme].All(p => p == "region" || Parameters.GetValueOrDefault(p) == other.Parameters.GetValueOrDefault(p));

    /// <summary>The same at another prefix, as people write it.</summary>
    /// <param name="prefix">With a slash at its end.</param>
    /// <param name="without">Names of parameters that it is not to have.</param>
    public string At(string prefix, params IReadOnlyCollection<string> without)
    {
        string parameters = string.Join('&', Parameters.Where(p => !without.Contains(p.Key)).Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));
        return $"{Scheme}://{Bucket}/{prefix.TrimEnd('/')}{(parameters.Length > 0 ? "?" : "")}{parameters}";
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Scheme}://{Bucket}/{Prefix.TrimEnd('/')}";

    private static (StoreUrl? Url, string? Error) Read(string text, IReadOnlyCollection<string> known)
    {
        int colon = text.IndexOf("://", StringComparison.Ordinal);
        string scheme = text[..Math.Max(0, colon)].ToLowerInvariant();
        if (!s_schemes.TryGetValue(scheme, out string[]? own))
        {
            return (null, $"\"{text}\": write s3://BUCKET/PREFIX or az://CONTAINER/PREFIX");
        }

        int question = text.IndexOf('?', StringComparison.Ordinal), begin = colon + 3;
        string place = question < 0 ? text[begin..] : text[begin..Math.Max(begin, question)];
        int slash = place.IndexOf('/', StringComparison.Ordinal);
        string bucket = slash < 0 ? place : place[..slash], prefix = slash < 0 ? "" : place[(slash + 1)..].Trim('/');
        if (bucket.Length is < 3 or > 63 || !bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-' || (c == '.' && scheme == S3)))
        {
            return (null, $"\"{text}\": \"{bucket}\" is no name of a {(scheme == S3 ? "bucket (3 to 63 lower-case letters, digits, - and .)" : "container (3 to 63 lower-case letters, digits and -)")}");
        }

        if (prefix.Length == 0)
        {
            return (null, $"\"{text}\": a cluster needs a prefix of its own in the bucket: write {scheme}://{bucket}/NAME");
        }

        if (!prefix.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.') || prefix.Contains("//", StringComparison.Ordinal)
            || prefix.Split('/').Any(p => p is "." or ".."))
        {
            return (null, $"\"{text}\": the prefix \"{prefix}\" may have letters, digits, /, -, _ and . only");
        }

        var parameters = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in question < 0 ? [] : text[(question + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? pair : pair[..equals], value = equals < 0 ? "true" : Decode(pair[(equals + 1)..]);
            if (!own.Contains(name) && !known.Contains(name))
            {
                return (null, $"\"{text}\": unknown parameter \"{name}\"; there are {string.Join(", ", own.Concat(known))}");
            }

            if (!parameters.TryAdd(name, value))
            {
                return (null, string.Create(CultureInfo.InvariantCulture, $"\"{text}\": {name} is given twice"));
            }
        }

        if (parameters.TryGetValue("region", out string? region) && !(region.Length > 0 && region.All(c => char.IsAsciiLetterOrDigit(c) || c == '-')))
        {
            return (null, $"\"{text}\": region is \"{region}\": write one such as eu-west-1");
        }

        if (parameters.TryGetValue("endpoint", out string? endpoint) && !(scheme == S3 ? HttpOrigin.TryParse(endpoint, out _) : IsAzureEndpoint(endpoint)))
        {
            return (null, $"\"{text}\": endpoint is \"{endpoint}\": write http://HOST:PORT{(scheme == S3 ? "" : "/ACCOUNT")} or https://HOST");
        }

        return parameters.TryGetValue("account", out string? account) && !(account.Length is >= 3 and <= 24 && account.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)))
            ? (null, $"\"{text}\": account is \"{account}\": write the name of a storage account (3 to 24 lower-case letters and digits)")
            : scheme == S3 || StoreDriver.Find(scheme) is not null ? (new StoreUrl(scheme, bucket, prefix + "/", parameters), null)
            : (null, $"\"{text}\": {StoreDriver.Missing(scheme)}");
    }

    // Not for what is not encoded: it would be compiled for nothing (HttpOrigin).
    private static string Decode(string value) => value.Contains('%', StringComparison.Ordinal) ? Uri.UnescapeDataString(value) : value;

    // Emulators have the account in the path.
    private static bool IsAzureEndpoint(string text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Segments.Length <= 2;
}
