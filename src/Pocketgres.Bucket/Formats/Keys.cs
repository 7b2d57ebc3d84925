using System.Globalization;

namespace Pocketgres.Bucket.Formats;

/// <summary>Names of a cluster's objects below its prefix. Numbers are 16 hexadecimal digits, so that names are in the order of their numbers.</summary>
internal static class Keys
{
    /// <summary>What the prefix is; created once.</summary>
    public const string Format = "format";

    /// <summary>The number of the newest manifest, as a hint.</summary>
    public const string Head = "head";

    /// <summary>Before the numbers of log records.</summary>
    public const string Log = "log/";

    /// <summary>Before the numbers of manifests.</summary>
    public const string Manifests = "man/";

    /// <summary>Before the names of packs.</summary>
    public const string Packs = "pack/";

    /// <summary>Before the tokens of those who have the cluster open.</summary>
    public const string Live = "live/";

    /// <summary>Before the tokens of those who are asked to go to sleep.</summary>
    public const string Asked = "ask/";

    /// <summary>Before the names of branches made of the cluster, which need objects of it.</summary>
    public const string Branches = "branches/";

    /// <summary>Before the names of what probes of the store leave behind when they are killed.</summary>
    public const string Probes = "probe/";

    /// <summary>Says when the cluster was last cleared of what nothing needs, by when it was written.</summary>
    public const string Collected = "collected";

    /// <summary>Says that a branch needs objects of this cluster.</summary>
    public static string BranchMarker(Guid branch) => $"{Branches}{branch:N}";

    /// <summary>An object of another cluster in the same bucket, for a store that has a prefix: the key from the bucket's beginning, behind a slash.</summary>
    /// <param name="prefix">That cluster's, with a slash at its end.</param>
    /// <param name="key">Below it, or already of another cluster.</param>
    public static string Elsewhere(string prefix, string key) => key.StartsWith('/') ? key : $"/{prefix}{key}";

    /// <summary>A log record.</summary>
    public static string LogRecord(long sequence) => Log + Number(sequence);

    /// <summary>The manifest of the image that covers the log up to a record.</summary>
    public static string Manifest(long sequence) => Manifests + Number(sequence);

    /// <summary>A pack.</summary>
    public static string Pack(long token, long number) => $"{Packs}{Number(token)}-{Number(number)}";

    /// <summary>The heartbeat of a holder.</summary>
    public static string Holder(long token) => Live + Number(token);

    /// <summary>Asks a holder to close the cluster.</summary>
    public static string AskedToSleep(long token) => Asked + Number(token);

    /// <summary>The number at the end of a name.</summary>
    /// <exception cref="DamagedObjectException">There is none.</exception>
    public static long NumberIn(string key, string prefix) =>
        TryNumberIn(key, prefix, out long number) ? number : throw new DamagedObjectException(key, "is not the name of an object of a cluster");

    /// <summary>The number at the end of a name, if it is a name of that kind.</summary>
    public static bool TryNumberIn(string key, string prefix, out long number)
    {
        number = 0;
        return key.Length == prefix.Length + 16 && key.StartsWith(prefix, StringComparison.Ordinal) && TryNumber(key.AsSpan(prefix.Length), out number);
    }

    /// <summary>The writer's token and the number in the name of a pack.</summary>
    public static bool TryPack(string key, out long token, out long number)
    {
        token = number = 0;
        return key.Length == Packs.Length + 33 && key.StartsWith(Packs, StringComparison.Ordinal) && key[Packs.Length + 16] == '-'
            && TryNumber(key.AsSpan(Packs.Length, 16), out token) && TryNumber(key.AsSpan(Packs.Length + 17), out number);
    }

    private static bool TryNumber(ReadOnlySpan<char> digits, out long number) =>
        long.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number) && number >= 0;

    private static string Number(long number) => number.ToString("x16", CultureInfo.InvariantCulture);
}

/// <summary>An object of a cluster is missing, cut, flipped or of another cluster.</summary>
internal sealed class DamagedObjectException(string key, string problem, Exception? inner = null) : Exception($"object {key} {problem}", inner)
{
    /// <summary>Its name below the prefix.</summary>
    public string Key => key;
}
