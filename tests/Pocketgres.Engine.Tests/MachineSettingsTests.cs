using System.Text;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Tests;

/// <summary>What is read of the machine, and what follows from it.</summary>
public sealed class MachineSettingsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("pocketgres-machine-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(128, false, "shared_buffers = 16MB", "work_mem = 1MB", "max_connections = 30", "effective_cache_size = 96MB", "max_wal_size = 64MB")]
    [InlineData(255, false, "shared_buffers = 16MB")]
    [InlineData(512, false, "shared_buffers = 32MB", "work_mem = 2MB", "maintenance_work_mem = 32MB", "max_connections = 100")]
    [InlineData(1024, false, "shared_buffers = 32MB", "work_mem = 4MB", "maintenance_work_mem = 64MB", "max_wal_size = 256MB")]
    [InlineData(2048, false, "shared_buffers = 32MB", "effective_cache_size = 1536MB")]
    [InlineData(4096, false, "shared_buffers = 64MB", "maintenance_work_mem = 128MB")]
    [InlineData(65536, false, "shared_buffers = 128MB", "maintenance_work_mem = 256MB", "effective_cache_size = 49152MB")]
    [InlineData(65536, true, "shared_buffers = 32MB", "maintenance_work_mem = 256MB")]
    public void More_memory_means_more_of_everything(long megabytes, bool inMemory, params string[] expected)
    {
        string text = MachineSettings.Text(new MachineLimits(megabytes << 20, "a test", 2, "a test"), inMemory);
        Assert.All(expected, line => Assert.Contains("\n" + line + "\n", text, StringComparison.Ordinal));
        Assert.Contains("\nmax_parallel_workers_per_gather = 2\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void One_processor_needs_no_parallel_workers() =>
        Assert.Contains("\nmax_parallel_workers_per_gather = 0\n", MachineSettings.Text(new MachineLimits(1L << 30, "a test", 1, "a test"), false), StringComparison.Ordinal);

    [Fact]
    public void A_new_clusters_configuration_begins_with_what_fits_the_machine_and_the_rest_wins()
    {
        using var files = MemoryFileSystem.FromImage(EngineFiles.Default.Template);
        string before = Text(files, "/postgresql.conf");
        Assert.Contains("\nshared_buffers = 32MB", before, StringComparison.Ordinal);
        MachineSettings.Prepare(files, "/");
        string after = Text(files, "/postgresql.conf");
        Assert.StartsWith("include_if_exists = 'pocketgres.conf'", after, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?m)^(shared_buffers|max_connections|max_wal_size)", after);
        Assert.Equal(before, after[(after.IndexOf('\n', StringComparison.Ordinal) + 1)..]
            .Replace("\n#shared_buffers = ", "\nshared_buffers = ", StringComparison.Ordinal)
            .Replace("\n#max_connections = ", "\nmax_connections = ", StringComparison.Ordinal)
            .Replace("\n#max_wal_size = ", "\nmax_wal_size = ", StringComparison.Ordinal));
        Assert.Equal("", Text(files, "/pocketgres.conf"));
    }

    [Fact]
    public void Without_cgroups_it_is_the_machine()
    {
        Put("proc/meminfo", "MemTotal:       24634392 kB\nMemFree:   1 kB\n");
        var limits = MachineLimits.Read(_root);
        Assert.Equal((24634392L * 1024, Environment.ProcessorCount), (limits.Memory, limits.Processors));
    }

    [Fact]
    public void Cgroup_2_the_smallest_limit_from_the_group_upwards_counts()
    {
        Machine("0::/app/web\n");
        Put("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        Put("sys/fs/cgroup/app/web/memory.max", "max\n");
        Put("sys/fs/cgroup/app/memory.max", "536870912\n");
        Put("sys/fs/cgroup/app/cpu.max", "50000 100000\n");
        Put("sys/fs/cgroup/app/web/cpu.max", "max 100000\n");
        Assert.Equal(new MachineLimits(512 << 20, "cgroup v2, memory.max", 1, "cgroup v2, cpu.max"), MachineLimits.Read(_root));
    }

    [Fact]
    public void In_a_container_the_groups_path_may_be_the_hosts()
    {
        Machine("4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n0::/\n");
        Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
        Put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "60000\n");
        Put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
        Assert.Equal(new MachineLimits(128 << 20, "cgroup v1, memory.limit_in_bytes", 1, "cgroup v1, cpu.cfs_quota_us"), MachineLimits.Read(_root));
    }

    [Fact]
    public void No_limit_of_version_1_is_a_very_large_one()
    {
        Machine("4:memory:/\n");
        Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        Put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        Assert.Equal(8L << 30, MachineLimits.Read(_root).Memory);
        Assert.Equal(new MachineLimits(64L << 30, "--memory", 1, "x"), new MachineLimits(1, "y", 1, "x").With(new MemoryLimit(64L << 30, "--memory")));
    }

    private void Machine(string groups)
    {
        Put("proc/meminfo", "MemTotal:       8388608 kB\n");
        Put("proc/self/cgroup", groups);
    }

    private void Put(string path, string text)
    {
        string full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    private static string Text(MemoryFileSystem files, string path) => Encoding.UTF8.GetString(FileTree.ReadAll(files, path));
}
