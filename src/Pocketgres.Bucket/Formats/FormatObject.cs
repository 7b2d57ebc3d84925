using System.Globalization;
using System.Text;

namespace Pocketgres.Bucket.Formats;

/// <summary>The object <c>format</c>: lines of text, for people too, that say that the prefix is a cluster and which.</summary>
internal sealed record FormatObject(int Format, Guid Cluster)
{
    /// <summary>What this program writes and the newest it reads.</summary>
    public const int Current = 3;

    /// <summary>A cluster that was made as one: what programs read that know no branches.</summary>
    public const int Plain = 1;

    /// <summary>A branch: packs and log of another prefix belong to it.</summary>
    public const int Branch = 2;

    /// <summary>A branch that begins in the middle of a log record.</summary>
    public const int BranchAtLsn = 3;

    private const string FirstLine = "pocketgres cluster";

    /// <summary>The object's bytes.</summary>
    public byte[] Encode() =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{FirstLine}\nformat={Format}\ncluster={Cluster:N}\n"));

    /// <summary>Reads the object.</summary>
    /// <exception cref="DamagedObjectException">It is something else, or newer.</exception>
    public static FormatObject Decode(byte[] bytes)
    {
        string[] lines = Encoding.UTF8.GetString(bytes).Split('\n');
        string? Value(string name) => Array.Find(lines, l => l.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];
        if (lines[0] != FirstLine || !int.TryParse(Value("format"), CultureInfo.InvariantCulture, out int format))
        {
            throw new DamagedObjectException(Keys.Format, "is not a cluster's: something else has this prefix; choose another one");
        }

        return format > Current
            ? throw new DamagedObjectException(Keys.Format, $"says format {format}, this program reads up to {Current}: use a newer version")
            : Guid.TryParseExact(Value("cluster"), "N", out var cluster) ? new FormatObject(format, cluster)
            : throw new DamagedObjectException(Keys.Format, "names no cluster: it is damaged");
    }
}
