using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Pocketgres.ObjectStore.S3;

namespace Pocketgres.ObjectStore;

/// <summary>A place in an object store as people write it: <c>s3://BUCKET/PREFIX?name=value</c>.</summary>
internal sealed record StoreUrl
{
    private const string Scheme = "s3://";

    private StoreUrl(string bucket, string prefix, IReadOnlyDictionary<string, string> parameters)
    {
        Bucket = bucket;
        Prefix = prefix;
        Parameters = parameters;
    }

    /// <summary>The bucket.</summary>
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

    /// <summary>Opens the bucket; nothing is asked of it yet.</summary>
    public IObjectStore Open(Func<string, string?> environment) => new S3ObjectStore(
        new S3Options
        {
            Bucket = Bucket,
            Endpoint = Parameters.TryGetValue("endpoint", out string? endpoint) ? new Uri(endpoint) : null,
            Region = Parameters.GetValueOrDefault("region") ?? S3Credentials.FindRegion(environment) ?? "us-east-1",
        },
        environment);

    /// <inheritdoc/>
    public override string ToString() => $"{Scheme}{Bucket}/{Prefix.TrimEnd('/')}";

    private static (StoreUrl? Url, string? Error) Read(string text, IReadOnlyCollection<string> known)
    {
        if (!text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return (null, $"\"{text}\": write s3://BUCKET/PREFIX");
        }

        int question = text.IndexOf('?', StringComparison.Ordinal);
        string place = question < 0 ? text[Scheme.Length..] : text[Scheme.Length..question];
        int slash = place.IndexOf('/', StringComparison.Ordinal);
        string bucket = slash < 0 ? place : place[..slash], prefix = slash < 0 ? "" : place[(slash + 1)..].Trim('/');
        if (bucket.Length is < 3 or > 63 || !bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.'))
        {
            return (null, $"\"{text}\": \"{bucket}\" is no name of a bucket (3 to 63 lower-case letters, digits, - and .)");
        }

        if (prefix.Length == 0)
        {
            return (null, $"\"{text}\": a cluster needs a prefix of its own in the bucket: write s3://{bucket}/NAME");
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
            string name = equals < 0 ? pair : pair[..equals], value = equals < 0 ? "true" : Uri.UnescapeDataString(pair[(equals + 1)..]);
            if (name is not ("endpoint" or "region") && !known.Contains(name))
            {
                return (null, $"\"{text}\": unknown parameter \"{name}\"; there are endpoint, region, {string.Join(", ", known)}");
            }

            if (!parameters.TryAdd(name, value))
            {
                return (null, string.Create(CultureInfo.InvariantCulture, $"\"{text}\": {name} is given twice"));
            }
        }

        return parameters.TryGetValue("endpoint", out string? endpoint)
            && !(Uri.TryCreate(endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.AbsolutePath == "/")
            ? (null, $"\"{text}\": endpoint is \"{endpoint}\": write http://HOST:PORT or https://HOST")
            : (new StoreUrl(bucket, prefix + "/", parameters), null);
    }
}
