using System.Diagnostics.CodeAnalysis;

namespace Pocketgres.Server;

/// <summary>
/// Where a cluster lives, as people write it: <c>memory:</c>, <c>file:./data</c>, <c>file:/abs/data</c>, <c>file:~/data</c>, or <c>file:</c> alone for
/// the user's own data folder; <c>s3://bucket/prefix</c> or <c>az://container/prefix</c> for one whose home is a bucket.
/// </summary>
/// <example>
/// <code>
/// var url = PostgresUrl.Parse("file:./data");
/// Console.WriteLine(url.DataDirectory); // absolute
/// </code>
/// </example>
public sealed record PostgresUrl
{
    private const string MemoryScheme = "memory", FileScheme = "file";
    private const string Supported = "supported are memory:, file:DIRECTORY, s3://BUCKET/PREFIX and az://CONTAINER/PREFIX";

    private PostgresUrl(string? dataDirectory, string? bucketUrl = null)
    {
        DataDirectory = dataDirectory;
        BucketUrl = bucketUrl;
    }

    /// <summary>A cluster that is gone when it stops.</summary>
    public static PostgresUrl Memory { get; } = new((string?)null);

    /// <summary>Absolute path of the data directory; null for a cluster in memory or in a bucket.</summary>
    public string? DataDirectory { get; }

    /// <summary>Whether the cluster lives in memory only.</summary>
    public bool IsMemory => DataDirectory is null && BucketUrl is null;

    /// <summary>Whether the cluster's home is a bucket.</summary>
    public bool IsBucket => BucketUrl is not null;

    /// <summary>The whole URL of a cluster in a bucket; null for others.</summary>
    internal string? BucketUrl { get; }

    /// <summary>Reads a URL; relative paths count from the current directory.</summary>
    /// <exception cref="FormatException">It is not one that can be served; the message is one line that says what to write instead.</exception>
    public static PostgresUrl Parse(string text) => TryParse(text, out var url, out string? error) ? url : throw new FormatException(error);

    /// <summary>Reads a URL; relative paths count from the current directory.</summary>
    /// <param name="text">The URL.</param>
    /// <param name="url">The result.</param>
    /// <param name="error">One line that says what is wrong and what to write instead.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out PostgresUrl? url, [NotNullWhen(false)] out string? error) =>
        TryParse(text, Environment.GetEnvironmentVariable, out url, out error);

    /// <summary>The same with an environment to look up HOME and XDG_DATA_HOME in.</summary>
    internal static bool TryParse(
        string text, Func<string, string?> environment, [NotNullWhen(true)] out PostgresUrl? url, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        (url, error) = Read(text, environment);
        return url is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => BucketUrl ?? (DataDirectory is null ? "memory:" : FileScheme + ":" + DataDirectory);

    private static (PostgresUrl? Url, string? Error) Read(string text, Func<string, string?> environment)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);

        // A single letter is a drive of Windows, a slash before the colon belongs to a path.
        if (colon <= 1 || text.AsSpan(0, colon).ContainsAny('/', '\\'))
        {
            return (null, PathHint(text));
        }

        string scheme = text[..colon].ToLowerInvariant();
        string rest = text[(colon + 1)..];
        return scheme switch
        {
            MemoryScheme when rest.Length == 0 => (Memory, null),
            MemoryScheme => (null, $"\"{text}\": nothing may follow memory:"),
            FileScheme => ReadFile(text, rest, environment),
            "s3" or "az" => ReadBucket(text),
            "postgres" or "postgresql" => (null, $"\"{text}\" is the address of a running server, which cannot be served; {Supported}"),
            _ => (null, $"\"{text}\": unknown scheme \"{scheme}:\"; {Supported}"),
        };
    }

    // A method of its own, so that others do not load what it needs.
    private static (PostgresUrl? Url, string? Error) ReadBucket(string text) =>
        Bucket.BucketUrl.TryParse(text, out _, out string? error) ? (new PostgresUrl(null, text), null) : (null, error);

    private static string PathHint(string text) => text switch
    {
        "" => $"the URL is empty; {Supported}",
        MemoryScheme => "\"memory\" is not a URL: write memory: with a colon",
        FileScheme => "\"file\" is not a URL: write file: with a colon",
        _ => $"\"{text}\" is not a URL: for a data directory write file:{(text.AsSpan().ContainsAny('/', '\\') ? "" : "./")}{text}",
    };

    private static (PostgresUrl? Url, string? Error) ReadFile(string text, string path, Func<string, string?> environment)
    {
        if (path.Contains('?', StringComparison.Ordinal))
        {
            return (null, $"\"{text}\": file: takes no parameters after ?; give settings with -c name=value");
        }

        if (path.Contains('\0', StringComparison.Ordinal))
        {
            return (null, "the path of a data directory cannot contain a zero character");
        }

        // The form of RFC 8089: an authority, here always empty, before an absolute path, percent-encoded.
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            if (!path.StartsWith("///", StringComparison.Ordinal))
            {
                return (null, $"\"{text}\" names another host; for a path write file:/absolute/path or file:./relative/path");
            }

            path = path[2..];
            if (MalformedEscape(path) is { } escape)
            {
                return (null, $"\"{text}\": \"{escape}\" is no percent-encoded character: write %25 for a percent sign, or file:/path, which is taken as it is");
            }

            path = Uri.UnescapeDataString(path);
            if (path.Contains('\0', StringComparison.Ordinal))
            {
                return (null, "the path of a data directory cannot contain a zero character");
            }
        }

        if (path.Length == 0)
        {
            return DefaultDirectory(environment) is { } folder
                ? (new PostgresUrl(folder), null)
                : (null, "file: alone needs the user's data folder, but neither XDG_DATA_HOME nor HOME is set; write file:DIRECTORY");
        }

        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal))
        {
            if (Home(environment) is not { } home)
            {
                return (null, $"\"{text}\" needs the environment variable HOME, which is not set; write file:/absolute/path");
            }

            path = Path.Combine(home, path[1..].TrimStart('/'));
        }

        return (new PostgresUrl(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))), null);
    }

    // The first percent sign, with what follows it, that two hexadecimal digits do not follow.
    private static string? MalformedEscape(string path)
    {
        for (int i = path.IndexOf('%', StringComparison.Ordinal); i >= 0; i = path.IndexOf('%', i + 1))
        {
            if (i + 2 >= path.Length || !char.IsAsciiHexDigit(path[i + 1]) || !char.IsAsciiHexDigit(path[i + 2]))
            {
                return path[i..Math.Min(i + 3, path.Length)];
            }
        }

        return null;
    }

    // XDG Base Directory Specification: a relative path in the variable is to be ignored.
    private static string? DefaultDirectory(Func<string, string?> environment)
    {
        string? data = environment("XDG_DATA_HOME") is { } set && Path.IsPathRooted(set) ? set
            : Home(environment) is { } home ? Path.Combine(home, ".local", "share") : null;
        return data is null ? null : Path.Combine(data, "pocketgres", "default");
    }

    private static string? Home(Func<string, string?> environment) => environment("HOME") is { } home && Path.IsPathRooted(home) ? home : null;
}
