using System.Globalization;

namespace Pocketgres.Engine.Data;

/// <summary>What this process may use of the machine: the smallest limit of its cgroups (version 1 or 2), else what the machine has.</summary>
/// <param name="Memory">Bytes.</param>
/// <param name="MemorySource">Where that is from, for people.</param>
/// <param name="Processors">Processors, a part of one counted as a whole.</param>
/// <param name="ProcessorsSource">Where that is from, for people.</param>
internal sealed record MachineLimits(long Memory, string MemorySource, int Processors, string ProcessorsSource)
{
    private const string Machine = "all there is";

    private static readonly Lazy<MachineLimits> s_current = new(() => Read("/"));

    /// <summary>This process' limits, as they were when first asked for.</summary>
    public static MachineLimits Current => s_current.Value;

    /// <summary>Reads proc(5) and cgroups(7).</summary>
    /// <param name="root">The root directory.</param>
    public static MachineLimits Read(string root)
    {
        var (memory, memorySource) = (ReadMachineMemory(root), Machine);
        double processors = Environment.ProcessorCount;
        string processorsSource = Machine;
        foreach (var (directory, version) in Groups(root))
        {
            string memoryFile = version == 2 ? "memory.max" : "memory.limit_in_bytes";
            if (ReadNumber(Path.Combine(directory, memoryFile)) is { } limit && limit < memory)
            {
                (memory, memorySource) = ((long)limit, $"cgroup v{version}, {memoryFile}");
            }

            if (ReadProcessors(directory, version) is { } quota && quota < processors)
            {
                (processors, processorsSource) = (quota, version == 2 ? "cgroup v2, cpu.max" : "cgroup v1, cpu.cfs_quota_us");
            }
        }

        return new MachineLimits(memory, memorySource, Math.Max(1, (int)Math.Ceiling(processors)), processorsSource);
    }

    /// <summary>The same with another amount of memory.</summary>
    public MachineLimits With(MemoryLimit? memory) => memory is { } given ? this with { Memory = given.Bytes, MemorySource = given.Source } : this;

    /// <summary>All that in a few words.</summary>
    public string Describe() => string.Create(CultureInfo.InvariantCulture,
        $"the machine: {Memory >> 20} MB of memory ({MemorySource}), {Processors} processor{(Processors == 1 ? "" : "s")} ({ProcessorsSource})");

    // A line of /proc/self/cgroup is "number:controllers:path", of version 2 "0::path". Limits of the groups above count too. In a container the path may be
    // the host's, which is not there: what is mounted is the container's own group then.
    private static IEnumerable<(string Directory, int Version)> Groups(string root)
    {
        string mount = Path.Combine(root, "sys/fs/cgroup");
        foreach (string line in ReadText(Path.Combine(root, "proc/self/cgroup")).Split('\n'))
        {
            if (line.Split(':', 3) is not [_, var controllers, var path])
            {
                continue;
            }

            if (controllers.Length == 0)
            {
                foreach (string directory in Upwards(File.Exists(Path.Combine(mount, "cgroup.controllers")) ? mount : Path.Combine(mount, "unified"), path))
                {
                    yield return (directory, 2);
                }
            }
            else if (Array.Find(controllers.Split(','), c => c is "memory" or "cpu") is { } controller)
            {
                string directory = Path.Combine(mount, controllers);
                foreach (string group in Upwards(Directory.Exists(directory) ? directory : Path.Combine(mount, controller), path))
                {
                    yield return (group, 1);
                }
            }
        }
    }

    private static IEnumerable<string> Upwards(string mount, string path)
    {
        for (string part = path.Trim('/'); part.Length > 0; part = Path.GetDirectoryName(part) ?? "")
        {
            yield return Path.Combine(mount, part);
        }

        yield return mount;
    }

    private static double? ReadProcessors(string directory, int version)
    {
        if (version == 1)
        {
            return ReadNumber(Path.Combine(directory, "cpu.cfs_quota_us")) is > 0 and var quota && ReadNumber(Path.Combine(directory, "cpu.cfs_period_us")) is > 0 and var period
                ? quota / period : null;
        }

        // "max 100000" or "150000 100000"
        return ReadText(Path.Combine(directory, "cpu.max")).Split(' ') is [var used, var of] && Number(used) is { } q && Number(of) is > 0 and var p ? q / p : null;
    }

    private static long ReadMachineMemory(string root)
    {
        // "MemTotal:       24634392 kB"
        foreach (string line in ReadText(Path.Combine(root, "proc/meminfo")).Split('\n'))
        {
            if (line.StartsWith("MemTotal:", StringComparison.Ordinal) && Number(line[9..].Replace("kB", "", StringComparison.Ordinal)) is { } kilobytes)
            {
                return (long)kilobytes * 1024;
            }
        }

        return GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
    }

    private static double? ReadNumber(string path) => Number(ReadText(path));

    private static double? Number(string text) => double.TryParse(text.AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out double value) ? value : null;

    private static string ReadText(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // what cannot be read limits nothing
        }
    }
}
