using System.Globalization;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// Memory that this .NET process can still take before the OOM killer ends it with all that it serves: of the memory cgroups it is in (version 1 or 2, limits may change
/// at any time) and of the machine. Pages of files count as free, because the host takes them back first; swap counts as the machine's. Thread-safe.
/// </summary>
public class HostMemory
{
    /// <summary>What is never given to a process, beside a fiftieth of the limit: .NET's own, and what is taken without a question (files in memory).</summary>
    public const long Reserve = 24L << 20;

    private const long NoLimit = 1L << 60; // what version 1 reports without one is about 1 << 63

    private readonly List<Group> _groups = [];
    private readonly Dictionary<AddressSpace, uint> _grants = []; // from which address on memory was granted, that may be used only in part
    private readonly string _machine;

    /// <summary>The memory of this .NET process.</summary>
    public static HostMemory Own { get; } = new();

    /// <summary>Finds the cgroups; their limits are read at each question.</summary>
    /// <param name="membership">Which cgroups this process is in: /proc/self/cgroup.</param>
    /// <param name="root">Where cgroups are mounted.</param>
    /// <param name="machine">/proc/meminfo.</param>
    public HostMemory(string membership = "/proc/self/cgroup", string root = "/sys/fs/cgroup", string machine = "/proc/meminfo")
    {
        _machine = machine;
        foreach (string line in Lines(membership))
        {
            // hierarchy:controllers:path; version 2 has the hierarchy 0 and names no controllers.
            string[] fields = line.Split(':', 3);
            if (fields.Length == 3 && (fields[1].Length == 0 || fields[1].Split(',').Contains("memory")))
            {
                bool second = fields[1].Length == 0;
                AddGroups(second ? root : root + "/memory", fields[2], second);
            }
        }
    }

    /// <summary>
    /// Whether so many bytes more leave enough to all others, when those have used all that was granted to them. Reads some files: for growth by a part of what a process has, not
    /// for single pages.
    /// </summary>
    public virtual bool HasRoom(long bytes)
    {
        long room = Room() - bytes;
        if (room < 0)
        {
            return false;
        }

        lock (_grants)
        {
            return room >= _grants.Sum(g => g.Key.Size - g.Value) || room >= _grants.Sum(g => g.Key.Untouched(g.Value));
        }
    }

    /// <summary>Linear memory has grown, and its process has not used what it got: it counts as used from here on.</summary>
    internal void Granted(AddressSpace space, long oldSize)
    {
        lock (_grants)
        {
            _grants.TryAdd(space, (uint)oldSize);
        }
    }

    /// <summary>Linear memory goes, or what is not used of it counts as free again.</summary>
    internal void Forget(AddressSpace space)
    {
        lock (_grants)
        {
            _grants.Remove(space);
        }
    }

    // What can be taken now, less the reserves.
    private long Room()
    {
        long room = long.MaxValue;
        foreach (var group in _groups)
        {
            if (Number(group.Limit) is not ({ } limit and < NoLimit) || Number(group.Usage) is not { } usage)
            {
                continue;
            }

            long files = Value(group.Statistics, group.Prefix + "inactive_file ") + Value(group.Statistics, group.Prefix + "active_file ");
            room = Math.Min(room, limit - usage + files - ReserveOf(limit));
        }

        long total = Value(_machine, "MemTotal:");
        return total == 0 ? room : Math.Min(room, ((Value(_machine, "MemAvailable:") + Value(_machine, "SwapFree:")) << 10) - ReserveOf(total << 10));
    }

    private static long ReserveOf(long limit) => Reserve + (limit / 50);

    // The group and those above it. In a container the path may be the host's: then only the mount's root is there, which is the container's group.
    private void AddGroups(string mount, string path, bool second)
    {
        for (path = path.TrimEnd('/'); ; path = path[..path.LastIndexOf('/')])
        {
            string directory = mount + path;
            var group = second
                ? new Group(directory + "/memory.max", directory + "/memory.current", directory + "/memory.stat", "")
                : new Group(directory + "/memory.limit_in_bytes", directory + "/memory.usage_in_bytes", directory + "/memory.stat", "total_");
            if (File.Exists(group.Limit))
            {
                _groups.Add(group);
            }

            if (path.Length == 0)
            {
                return;
            }
        }
    }

    private static string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static long? Number(string file) =>
        Lines(file) is [var line, ..] && long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null; // "max" is none

    private static long Value(string file, string name)
    {
        foreach (string line in Lines(file))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                string value = line[name.Length..].Trim();
                return long.TryParse(value.Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
            }
        }

        return 0;
    }

    private sealed record Group(string Limit, string Usage, string Statistics, string Prefix);
}
