using System.Globalization;
using System.Runtime.InteropServices;
using Pocketgres.Engine;

namespace Pocketgres.Cli.Doctor;

/// <summary>What the engine needs of the machine: system calls, limits, memory, disk, clock.</summary>
internal static partial class MachineChecks
{
    // Each of a cluster's processes reserves 8 GiB of addresses and has some twenty descriptors and mappings.
    private const long FewDescriptors = 1024, FewMappings = 65530, SmallMemory = 256L << 20, LittleDisk = 1L << 30, NoDisk = 64L << 20;

    /// <summary>Looks at everything.</summary>
    /// <param name="directory">Where data is or will be; null for the temporary directory only.</param>
    public static IEnumerable<Finding> Run(string? directory)
    {
        yield return Finding.Of("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}", FindingLevel.Problem,
            OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "this version's engine needs Linux on x64");
        yield return Engine();
        int memory = MemoryFile("pocketgres-doctor", 1);
        yield return Finding.Of("memfd_create", memory >= 0 ? "works" : "is refused", FindingLevel.Problem, memory >= 0, "allow it in the container's seccomp profile");
        if (memory >= 0)
        {
            _ = Close(memory);
        }

        yield return Finding.Of("pidfd_open", HasPidfd() ? "works" : "is refused", FindingLevel.Warning, HasPidfd(), "--parent-pid notices half a second later without it");
        yield return Finding.Of("/proc/self/pagemap", CanRead("/proc/self/pagemap") ? "readable" : "not readable", FindingLevel.Warning, CanRead("/proc/self/pagemap"),
            "clones compare all pages without it; mount /proc as usual");
        foreach (var finding in Limits())
        {
            yield return finding;
        }

        yield return Memory();
        yield return Disk("temporary directory", Path.GetTempPath());
        if (directory is not null)
        {
            yield return Disk("disk", directory);
        }

        yield return Clock(directory);
    }

    private static Finding Engine()
    {
        try
        {
            return new Finding(FindingLevel.Fine, "engine", EngineFiles.Default.Directory);
        }
        catch (EngineFilesException e)
        {
            return new Finding(FindingLevel.Problem, "engine", e.Message, "install pocketgres again");
        }
    }

    // "Max open files            1024                 524288               files"
    private static IEnumerable<Finding> Limits()
    {
        var limits = File.ReadLines("/proc/self/limits").Where(l => l.Length > 26).ToDictionary(
            l => l[..26].TrimEnd(), l => l[26..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], StringComparer.Ordinal);
        string files = limits.GetValueOrDefault("Max open files", "unlimited");
        yield return Finding.Of("open files", files, FindingLevel.Warning, Number(files) > FewDescriptors, "some twenty a session: ulimit -n 30000");
        string addresses = limits.GetValueOrDefault("Max address space", "unlimited");
        yield return Finding.Of("address space", addresses, FindingLevel.Problem, addresses == "unlimited", "each process of the server reserves 8 GiB: ulimit -v unlimited");
        string threads = limits.GetValueOrDefault("Max processes", "unlimited");
        yield return Finding.Of("processes", threads, FindingLevel.Warning, Number(threads) >= 512, "a thread a session: ulimit -u 4096");
        long maps = Number(ReadFirst("/proc/sys/vm/max_map_count") ?? "unlimited");
        yield return Finding.Of("vm.max_map_count", maps.ToString(CultureInfo.InvariantCulture), FindingLevel.Warning, maps >= FewMappings, "sysctl vm.max_map_count=262144");
        string overcommit = ReadFirst("/proc/sys/vm/overcommit_memory") ?? "0";
        yield return Finding.Of("vm.overcommit_memory", overcommit, FindingLevel.Warning, overcommit != "2", "reserved addresses count there: sysctl vm.overcommit_memory=0");
    }

    private static Finding Memory()
    {
        long total = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return Finding.Of("memory", Size(total), FindingLevel.Warning, total >= SmallMemory, "the server starts with less, and shared_buffers must stay small");
    }

    private static Finding Disk(string subject, string path)
    {
        // What is not made yet will be below what is.
        while (!Directory.Exists(path))
        {
            path = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(path)) ?? "/";
        }

        try
        {
            File.Delete(WriteProbe(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Finding(FindingLevel.Problem, subject, $"{path} cannot be written: {e.Message}", "give this user the right to, or free some space");
        }

        long free = new DriveInfo(path).AvailableFreeSpace;
        return Finding.Of(subject, $"{path}, {Size(free)} free", free < NoDisk ? FindingLevel.Problem : FindingLevel.Warning, free >= LittleDisk,
            "free some space: a full disk stops the server, although it loses nothing");
    }

    private static string WriteProbe(string directory)
    {
        string path = Path.Combine(directory, ".pocketgres-doctor-" + Path.GetRandomFileName());
        File.WriteAllBytes(path, new byte[4096]);
        return path;
    }

    private static Finding Clock(string? directory)
    {
        string source = ReadFirst("/sys/devices/system/clocksource/clocksource0/current_clocksource") ?? "unknown";
        var now = DateTime.UtcNow;
        if (directory is not null && Directory.Exists(directory) && Directory.EnumerateFiles(directory).Select(File.GetLastWriteTimeUtc).Any(t => t > now.AddMinutes(5)))
        {
            return new Finding(FindingLevel.Problem, "clock", $"{now:u} is before the newest file of the directory", "set the clock: timestamps and time limits depend on it");
        }

        return Finding.Of("clock", $"{now:u}, source {source}", FindingLevel.Warning, now.Year >= 2026 && source is not ("hpet" or "acpi_pm" or "jiffies"),
            "a slow or wrong clock: EXPLAIN ANALYZE and time limits suffer");
    }

    private static bool HasPidfd()
    {
        int descriptor = (int)SystemCall(434, Environment.ProcessId, 0);
        if (descriptor >= 0)
        {
            _ = Close(descriptor);
        }

        return descriptor >= 0;
    }

    private static bool CanRead(string path)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string? ReadFirst(string path) => File.Exists(path) ? File.ReadLines(path).FirstOrDefault()?.Trim() : null;

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : long.MaxValue;

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):0.0} GiB");

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
