using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket;

/// <summary>A cluster in a bucket as people write it: <c>s3://BUCKET/PREFIX?endpoint=http://127.0.0.1:9000&amp;mode=interval</c>, or <c>az://</c>.</summary>
internal sealed record BucketUrl(StoreUrl Store, BucketOptions Options)
{
    private const string Cache = "cache", CacheSize = "cache-size";

    private static readonly string[] s_parameters = ["mode", "interval", "inflight", "puts", "takeover", "idle", "create", "retention", "replica", "poll", Cache, CacheSize];

    /// <summary>Reads a URL.</summary>
    /// <param name="text">The URL.</param>
    /// <param name="url">The result.</param>
    /// <param name="error">One line that says what is wrong and what to write instead.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out BucketUrl? url, [NotNullWhen(false)] out string? error)
    {
        url = null;
        if (!StoreUrl.TryParse(text, s_parameters, out var store, out error))
        {
            return false;
        }

        var options = new BucketOptions();
        foreach (var (name, value) in store.Parameters)
        {
            if (Set(options, name, value) is not { } changed)
            {
                error = $"\"{text}\": {name} is \"{value}\": {Expected(name)}";
                return false;
            }

            options = changed;
        }

        if (options is { Replica: true, Idle: not null })
        {
            error = $"\"{text}\": a replica does not sleep: leave out idle";
            return false;
        }

        if (options.CacheDirectory is null && store.Parameters.ContainsKey(CacheSize))
        {
            error = $"\"{text}\": {CacheSize} is of no cache: add {Cache}=DIR, or leave it out";
            return false;
        }

        url = new BucketUrl(store, options);
        return true;
    }

    /// <summary>The prefix, as a store of its own.</summary>
    public IObjectStore Open(Func<string, string?> environment) => new PrefixedObjectStore(Store.Open(environment), Store.Prefix);

    /// <summary>The same in a bucket that is open, and stays its owner's.</summary>
    public IObjectStore Below(IObjectStore bucket) => new PrefixedObjectStore(bucket, Store.Prefix, ownsInner: false);

    private static BucketOptions? Set(BucketOptions options, string name, string value) => name switch
    {
        "mode" when Enum.TryParse(value, ignoreCase: true, out LogMode mode) && Enum.IsDefined(mode) && !char.IsDigit(value[0]) => options with { Mode = mode },
        "interval" when Duration(value) is { } time && time > TimeSpan.Zero => options with { Interval = time },
        "inflight" when Number(value) is >= 1 and <= BucketOptions.Window and { } number => options with { InFlight = number },
        "puts" when Number(value) is >= 0 and <= 100_000 and { } number => options with { PutsPerSecond = number },
        "takeover" when value is "true" or "false" => options with { TakeOver = value == "true" },
        "create" when value is "true" or "false" => options with { MayCreate = value == "true" },
        "idle" when Duration(value) is { } time && time > TimeSpan.Zero => options with { Idle = time },
        "retention" when Duration(value) is { } time => options with { Retention = time },
        "replica" when value is "true" or "false" => options with { Replica = value == "true" },
        "poll" when Duration(value) is { } time && time > TimeSpan.Zero => options with { Poll = time },
        Cache when value is not ("" or "true") && !value.Contains('\0', StringComparison.Ordinal) => options with { CacheDirectory = Path.GetFullPath(value) },
        CacheSize when Size(value) is >= 1 << 20 and { } bytes => options with { CacheBytes = bytes },
        _ when s_parameters.Contains(name) => null,
        _ => options,
    };

    private static string Expected(string name) => name switch
    {
        "mode" => "write strict, interval or sleep",
        "interval" or "idle" or "poll" => "write a time such as 500ms, 1s or 2m",
        "retention" => "write a time such as 12h or 7d",
        "inflight" => $"write a number from 1 to {BucketOptions.Window}",
        "puts" => "write how many log records a second at most, 0 for no limit",
        Cache => "write a directory of this machine",
        CacheSize => "write a size such as 512MB or 10GB, of 1MB at least",
        _ => "write true or false",
    };

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;

    private static long? Size(string text)
    {
        int shift = text.Length < 3 ? 0 : text[^2..] switch { "kB" => 10, "MB" => 20, "GB" => 30, "TB" => 40, _ => 0 };
        return shift > 0 && Number(text[..^2]) is <= 1 << 20 and { } number ? (long)number << shift : null;
    }

    private static TimeSpan? Duration(string text)
    {
        (string unit, double milliseconds) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 1),
            _ when text.EndsWith('s') => ("s", 1000),
            _ when text.EndsWith('m') => ("m", 60_000),
            _ when text.EndsWith('h') => ("h", 3_600_000),
            _ when text.EndsWith('d') => ("d", 86_400_000),
            _ => ("?", 0),
        };
        return Number(text[..Math.Max(0, text.Length - unit.Length)]) is { } number && milliseconds > 0 ? TimeSpan.FromMilliseconds(number * milliseconds) : null;
    }
}
