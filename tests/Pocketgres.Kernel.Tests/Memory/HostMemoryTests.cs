using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>What processes get where the host has little memory left.</summary>
public sealed unsafe class HostMemoryTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void The_program_gets_no_memory_rather_than_the_OOM_killer()
    {
        var host = new Scarce { Room = long.MaxValue };
        using var kernel = new TestKernel(options: new KernelOptions { StackSize = 1 << 20, Memory = host });
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            int pages = *(int*)(m + InstanceLayout.MemoryPages);
            Assert.Equal(pages, MemoryCalls.Grow(m, 16));
            host.Room = 4 * MiB;
            Assert.Equal(-1, MemoryCalls.Grow(m, 65));
            Assert.Equal(pages + 16, MemoryCalls.Grow(m, 64));
            Assert.Equal(0, MemoryCalls.ResizeHeap(m, (pages + 16 + 64 + 65) * InstanceLayout.PageSize));
            Assert.Equal(pages + 80, *(int*)(m + InstanceLayout.MemoryPages));

            // Little room: what was asked for, and no step beyond.
            Assert.Equal(1, MemoryCalls.ResizeHeap(m, ((pages + 80) * InstanceLayout.PageSize) + 1));
            Assert.Equal(pages + 81, *(int*)(m + InstanceLayout.MemoryPages));
            host.Room = long.MaxValue;
            Assert.Equal(1, MemoryCalls.ResizeHeap(m, ((pages + 81) * InstanceLayout.PageSize) + 1));
            Assert.True(*(int*)(m + InstanceLayout.MemoryPages) > pages + 82);
            host.Room = 0;
            Assert.Equal(1, MemoryCalls.ResizeHeap(m, pages * InstanceLayout.PageSize)); // there already
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_smallest_limit_counts_of_the_cgroups_and_of_the_machine(int version)
    {
        string directory = Directory.CreateTempSubdirectory("pocketgres-cgroup-").FullName;
        try
        {
            string mount = version == 2 ? directory : directory + "/memory";
            File.WriteAllText(directory + "/membership", version == 2 ? "0::/outer/inner\n" : "4:cpu,cpuacct:/x\n3:memory:/outer/inner\n0::/\n");
            File.WriteAllText(directory + "/meminfo", "MemTotal:       8388608 kB\nMemFree:  1 kB\nMemAvailable:   4194304 kB\nSwapFree:       0 kB\n");
            Directory.CreateDirectory(mount + "/outer/inner");
            Group(mount + "/outer", null, 900 * MiB, 0, 0);
            Group(mount + "/outer/inner", 512 * MiB, 500 * MiB, 60 * MiB, 40 * MiB);
            var memory = new HostMemory(directory + "/membership", directory, directory + "/meminfo");

            // 512 - 500 + 100 of files, less what is kept back.
            long room = (112 * MiB) - HostMemory.Reserve - (512 * MiB / 50);
            Assert.True(memory.HasRoom(room));
            Assert.False(memory.HasRoom(room + 1));

            Group(mount + "/outer/inner", null, 500 * MiB, 60 * MiB, 40 * MiB); // changed meanwhile
            long ofMachine = (4096 * MiB) - HostMemory.Reserve - (8192 * MiB / 50);
            Assert.True(memory.HasRoom(ofMachine));
            Assert.False(memory.HasRoom(ofMachine + 1));

            Group(mount + "/outer", 1000 * MiB, 900 * MiB, 0, 0);
            Assert.True(memory.HasRoom((100 * MiB) - HostMemory.Reserve - (20 * MiB)));
            Assert.False(memory.HasRoom((100 * MiB) - HostMemory.Reserve - (20 * MiB) + 1));

            // Nothing to read: nothing is limited.
            Assert.True(new HostMemory(directory + "/no", directory + "/no", directory + "/no").HasRoom(1L << 50));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        void Group(string path, long? limit, long usage, long inactive, long active)
        {
            string none = version == 2 ? "max" : "9223372036854771712", total = version == 2 ? "" : "total_";
            File.WriteAllText(path + (version == 2 ? "/memory.max" : "/memory.limit_in_bytes"), (limit?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? none) + "\n");
            File.WriteAllText(path + (version == 2 ? "/memory.current" : "/memory.usage_in_bytes"), usage.ToString(System.Globalization.CultureInfo.InvariantCulture) + "\n");
            File.WriteAllText(path + "/memory.stat", $"inactive_anon 7\n{total}inactive_file {inactive}\n{total}active_file {active}\n");
        }
    }

    [Fact]
    public void Memory_that_was_granted_and_is_not_used_yet_counts_as_used()
    {
        string directory = Directory.CreateTempSubdirectory("pocketgres-cgroup-").FullName;
        try
        {
            File.WriteAllText(directory + "/membership", "0::/\n");
            File.WriteAllText(directory + "/memory.max", $"{200 * MiB}\n");
            File.WriteAllText(directory + "/memory.current", "0\n");
            File.WriteAllText(directory + "/memory.stat", "inactive_file 0\nactive_file 0\n");
            var memory = new HostMemory(directory + "/membership", directory, directory + "/no");
            long room = (200 * MiB) - HostMemory.Reserve - (200 * MiB / 50);
            using var space = AddressSpace.Create(16 * MiB);
            long old = space.Size;
            Assert.True(space.Grow(old + (100 * MiB)));
            memory.Granted(space, old);
            Assert.False(memory.HasRoom(room));
            Assert.True(memory.HasRoom(room - (100 * MiB)));

            // What is used is in the cgroup's usage, which this test leaves alone.
            new Span<byte>(space.Base + old, (int)(60 * MiB)).Fill(1);
            Assert.True(memory.HasRoom(room - (40 * MiB)));
            Assert.False(memory.HasRoom(room - (40 * MiB) + 1));
            space.Discard((uint)old, 60 * MiB);
            Assert.False(memory.HasRoom(room - (40 * MiB)));
            memory.Forget(space);
            Assert.True(memory.HasRoom(room));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void The_hosts_own_are_read() => Assert.True(HostMemory.Own.HasRoom(0), "this machine is as good as full");

    private sealed class Scarce : HostMemory
    {
        public long Room { get; set; }

        public override bool HasRoom(long bytes) => bytes <= Room;
    }
}
