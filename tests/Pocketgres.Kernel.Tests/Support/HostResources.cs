using System.Globalization;
using Pocketgres.Kernel.Memory;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>What this .NET process holds of the host, from /proc.</summary>
internal static class HostResources
{
    /// <summary>Open descriptors whose target contains <paramref name="text"/>.</summary>
    public static int Descriptors(string text = "") => Directory.GetFileSystemEntries("/proc/self/fd").Count(path =>
    {
        try
        {
            return (new FileInfo(path).LinkTarget ?? "").Contains(text, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // closed meanwhile, for example the one of this listing
        }
    });

    public static string[] Maps() => File.ReadAllLines("/proc/self/maps");

    /// <summary>Address spaces of processes that exist.</summary>
    public static int Reservations() => AddressArena.InUse;

    /// <summary>Mappings of memory files whose name contains <paramref name="name"/>.</summary>
    public static int MemoryFileMaps(string name) => Maps().Count(line => line.Contains("/memfd:" + name, StringComparison.Ordinal));

    /// <summary>Resident memory in bytes.</summary>
    public static long ResidentBytes() => 4096 * long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture);

    /// <summary>Page faults of the calling thread that read nothing from a disk: minflt of proc_pid_stat(5).</summary>
    public static long PageFaults() => long.Parse(File.ReadAllText("/proc/thread-self/stat").Split(") ")[1].Split(' ')[7], CultureInfo.InvariantCulture);

    /// <summary>Threads of kernel processes: "pg-" and the process id.</summary>
    public static int ProcessThreads() => Enumerable.Range(0, 10).Sum(digit => ThreadIds($"pg-{digit}").Count);

    /// <summary>Threads whose name starts with <paramref name="name"/>; .NET gives its threads' names to the host.</summary>
    public static List<int> ThreadIds(string name)
    {
        var ids = new List<int>();
        foreach (string directory in Directory.GetDirectories("/proc/self/task"))
        {
            try
            {
                if (File.ReadAllText(directory + "/comm").StartsWith(name, StringComparison.Ordinal))
                {
                    ids.Add(int.Parse(Path.GetFileName(directory), CultureInfo.InvariantCulture));
                }
            }
            catch (IOException)
            {
                // The thread ended.
            }
        }

        return ids;
    }

    /// <summary>The calling thread, as the host numbers it.</summary>
    public static int CurrentThread => int.Parse(Path.GetFileName(new FileInfo("/proc/thread-self").LinkTarget!), CultureInfo.InvariantCulture);

    /// <summary>Processor time of a thread in nanoseconds (first number of schedstat).</summary>
    public static long ProcessorTime(int thread) =>
        long.Parse(File.ReadAllText($"/proc/self/task/{thread}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>Access rights ("rw-p") of the mapping that contains an address.</summary>
    public static unsafe string Rights(byte* address)
    {
        foreach (string line in Maps())
        {
            var (start, end) = Range(line);
            if ((ulong)address >= start && (ulong)address < end)
            {
                return line.Split(' ')[1];
            }
        }

        return "";
    }

    private static (ulong Start, ulong End) Range(string line)
    {
        string[] range = line[..line.IndexOf(' ', StringComparison.Ordinal)].Split('-');
        return (ulong.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), ulong.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }
}

/// <summary>Tests that count what the whole .NET process holds run alone.</summary>
[CollectionDefinition("Whole process", DisableParallelization = true)]
public sealed class WholeProcessCollection;
