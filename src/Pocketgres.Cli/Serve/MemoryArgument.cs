using System.Globalization;
using Pocketgres.Engine;

namespace Pocketgres.Cli.Serve;

/// <summary>The memory to fit the settings to, as people write it: <c>512MB</c>, <c>4GB</c>, and the <c>512m</c> of containers.</summary>
internal static class MemoryArgument
{
    /// <summary>With less, no server runs.</summary>
    public const long Minimum = 64 << 20;

    private const string Option = "--memory", Variable = "POSTGRES_MEMORY";

    /// <summary>The option's value, else the variable's; null when there is neither.</summary>
    /// <exception cref="UsageException">It is no amount, or too little.</exception>
    public static MemoryLimit? Read(string? option, Func<string, string?> environment) =>
        option is not null ? new MemoryLimit(Parse(Option, option), Option)
        : environment(Variable) is { Length: > 0 } value ? new MemoryLimit(Parse(Variable, value), Variable)
        : null;

    private static long Parse(string source, string text)
    {
        string number = text.TrimEnd([.. "bBkKmMgGtTiI "]);
        int shift = text[number.Length..].Trim().ToUpperInvariant() switch
        {
            "" or "B" => 0,
            "K" or "KB" or "KIB" => 10,
            "M" or "MB" or "MIB" => 20,
            "G" or "GB" or "GIB" => 30,
            "T" or "TB" or "TIB" => 40,
            _ => -1,
        };
        if (shift < 0 || !double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) || value * Math.Pow(2, shift) > long.MaxValue / 2)
        {
            throw new UsageException($"{source} takes an amount of memory such as 512MB or 4GB, not \"{text}\"");
        }

        long bytes = (long)(value * (1L << shift));
        return bytes >= Minimum ? bytes : throw new UsageException($"{source} is {text}: a server needs {Minimum >> 20} MB at least; for megabytes write MB");
    }
}
