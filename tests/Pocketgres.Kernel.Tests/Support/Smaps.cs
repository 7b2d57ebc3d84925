namespace Pocketgres.Kernel.Tests.Support;

/// <summary>What /proc/self/smaps says of one mapping.</summary>
internal static unsafe class Smaps
{
    /// <summary>A field of the mapping around an address, without blanks at its ends.</summary>
    /// <param name="address">Anywhere in the mapping.</param>
    /// <param name="name">As smaps writes it, without the colon: Rss, VmFlags.</param>
    public static string Field(void* address, string name)
    {
        bool found = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            string first = line[..line.IndexOf(' ', StringComparison.Ordinal)];
            if (first.Contains('-', StringComparison.Ordinal))
            {
                ulong[] range = [.. first.Split('-').Select(a => Convert.ToUInt64(a, 16))];
                found = range[0] <= (ulong)address && (ulong)address < range[1];
            }
            else if (found && first == name + ":")
            {
                return line[first.Length..].Trim();
            }
        }

        throw new InvalidOperationException($"no mapping at {(ulong)address:x}");
    }
}
