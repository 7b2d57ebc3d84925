using System.Globalization;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>A memory cgroup of either version below this process' own.</summary>
sealed class Cgroup : IDisposable
{
    Cgroup(string path) => Path = path;

    public string Path { get; }

    /// <summary>Makes one, which <see cref="CgroupFactAttribute"/> has found possible.</summary>
    public static Cgroup Create(long limit)
    {
        Cgroup? group = TryCreate(limit);
        Assert.NotNull(group);
        return group;
    }

    public static Cgroup? TryCreate(long limit)
    {
        string[][] groups = [.. File.ReadLines("/proc/self/cgroup").Select(line => line.Split(':', 3))];
        bool isFirst = groups.Any(g => g[1] == "memory");
        string parent = isFirst ? "/sys/fs/cgroup/memory" + groups.First(g => g[1] == "memory")[2] : "/sys/fs/cgroup" + groups.First(g => g[1].Length == 0)[2];
        string path = System.IO.Path.Combine(parent, "pocketgres-test-" + Guid.NewGuid().ToString("N"));
        try
        {
            Directory.CreateDirectory(path);
            var group = new Cgroup(path);
            string file = System.IO.Path.Combine(path, isFirst ? "memory.limit_in_bytes" : "memory.max");
            if (File.Exists(file))
            {
                File.WriteAllText(file, limit.ToString(CultureInfo.InvariantCulture));
                return group;
            }

            group.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not for us.
        }

        return null;
    }

    public void Dispose() => Directory.Delete(Path);
}

/// <summary>A test in a cgroup of its own: skipped where none can be made.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CgroupFactAttribute : FactAttribute
{
    const long Limit = 1L << 30;

    public CgroupFactAttribute() => Skip = TestServer.Native ? OursFactAttribute.NotOfNative : CanCreate() ? null : "no memory cgroup can be made below this process' own (needs root and a writable /sys/fs/cgroup)";

    static bool CanCreate()
    {
        using Cgroup? group = Cgroup.TryCreate(Limit);
        return group is not null;
    }
}
