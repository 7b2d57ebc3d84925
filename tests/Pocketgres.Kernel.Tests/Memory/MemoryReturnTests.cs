using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>Address spaces give everything back.</summary>
[Collection("Whole process")]
public sealed unsafe class MemoryReturnTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void Two_hundred_forks_alive_share_memory_and_leave_nothing()
    {
        const int forks = 200, touched = 64 * 4096;
        int reservations = HostResources.Reservations();
        int descriptors = HostResources.Descriptors("memfd:pocketgres-fork") + HostResources.Descriptors("memfd:ktest");
        int maps = HostResources.MemoryFileMaps("pocketgres-fork");
        long resident = HostResources.ResidentBytes();
        var parent = AddressSpace.Create(64 * MiB);
        new Span<byte>(parent.Base, 32 * MiB).Fill(1);
        parent.MapShared(48 * MiB, MiB, SharedMemory.Create("ktest-forks", MiB));
        var children = new List<AddressSpace>();
        for (int i = 0; i < forks; i++)
        {
            parent.Base[i] = (byte)(i + 2);
            var child = parent.Fork(40 * MiB);
            new Span<byte>(child.Base + (8 * MiB), touched).Fill((byte)(i + 3));
            children.Add(child);
        }

        Assert.Equal(1, parent.ForkStatistics.TemplateBuilds);
        for (int i = 0; i < forks; i++)
        {
            Assert.Equal((byte)(i + 2), children[i].Base[i]);
            Assert.Equal(1, children[i].Base[i + 1]);
            Assert.Equal((byte)(i + 3), children[i].Base[8 * MiB]);
        }

        // 200 copies of 32 MiB would be 6.4 GiB; each child wrote 64 pages and copied a few. The loose bound leaves room for page tables.
        long grown = HostResources.ResidentBytes() - resident;
        Assert.True(grown < 600L * MiB, $"{grown >> 20} MiB resident for {forks} children");
        Assert.Equal(reservations + forks + 1, HostResources.Reservations());

        parent.Dispose(); // the parent may go first
        Assert.Equal(1, children[7].Base[8]);
        children.ForEach(c => c.Dispose());
        Assert.Equal(reservations, HostResources.Reservations());
        Assert.Equal(descriptors, HostResources.Descriptors("memfd:pocketgres-fork") + HostResources.Descriptors("memfd:ktest"));
        Assert.Equal(maps, HostResources.MemoryFileMaps("pocketgres-fork"));
        long left = HostResources.ResidentBytes() - resident;
        Assert.True(left < 48L * MiB, $"{left >> 20} MiB stay resident");
    }

    [Fact]
    public void A_heap_of_untouched_pages_costs_its_template_nothing()
    {
        long resident = HostResources.ResidentBytes();
        using var parent = AddressSpace.Create(1L << 30);
        parent.Base[(1L << 30) - 1] = 1;
        using var child = parent.Fork(1U << 30);
        Assert.Equal(1, child.Base[(1L << 30) - 1]);
        Assert.True(HostResources.ResidentBytes() - resident < 512L * MiB); // reading the zero page is free, a copy of it is not
    }

    [Fact]
    public void Shared_memory_that_is_cleared_takes_none_and_private_memory_is_zero()
    {
        const int length = 16 * MiB, at = MiB + 100, cleared = length - MiB - 300;
        using var parent = AddressSpace.Create(64 * MiB);
        parent.MapShared(32 * MiB, length, SharedMemory.Create("ktest-cleared", length));
        foreach (int mapping in (int[])[0, 32 * MiB])
        {
            new Span<byte>(parent.Base + mapping, length).Fill(1);
        }

        using var child = parent.Fork(48 * MiB); // private memory is that of a file now, which has the ones
        foreach (int mapping in (int[])[0, 32 * MiB])
        {
            long resident = HostResources.ResidentBytes();
            BulkMemory.Clear(child.Base + mapping + at, cleared);
            if (mapping != 0)
            {
                Assert.InRange(HostResources.ResidentBytes(), 0, resident - (8 * MiB));
            }

            var memory = new Span<byte>(child.Base + mapping, length);
            Assert.Equal(-1, memory.Slice(at, cleared).IndexOfAnyExcept((byte)0));
            Assert.Equal(-1, memory[..at].IndexOfAnyExcept((byte)1));
            Assert.Equal(-1, memory[(at + cleared)..].IndexOfAnyExcept((byte)1));
            Assert.Equal(mapping == 0 ? 1 : 0, parent.Base[mapping + (2 * MiB)]);
        }
    }

    [Theory]
    [InlineData(8192, 0)]
    [InlineData(41_000, 100)]
    [InlineData(65_536, 4095)]
    public void Pages_of_zeroes_that_are_cleared_take_no_memory(int length, int at)
    {
        using var parent = AddressSpace.Create(4 * MiB);
        new Span<byte>(parent.Base, MiB).Fill(1);
        using var child = parent.Fork(MiB);
        bool hasZeroPage = HasZeroPage(child);
        byte* fresh = child.Base + (2 * MiB) + at;
        BulkMemory.Clear(fresh, (nuint)length);
        if (hasZeroPage)
        {
            Assert.Empty(Written(child));
        }

        int[] written = [0, length / 3, length - 1];
        foreach (int i in written)
        {
            fresh[i] = 1;
        }

        fresh[-1] = fresh[length] = 2;
        BulkMemory.Clear(fresh, (nuint)length);
        Assert.Equal(-1, new Span<byte>(fresh, length).IndexOfAnyExcept((byte)0));
        Assert.Equal((2, 2), (fresh[-1], fresh[length]));
        if (hasZeroPage)
        {
            Assert.True(Written(child).Count <= 5);
        }

        BulkMemory.Clear(child.Base + at, (nuint)length); // over the parent's content
        Assert.Equal(-1, new Span<byte>(child.Base + at, length).IndexOfAnyExcept((byte)0));
        Assert.Equal(1, child.Base[at + length]);
    }

    [Theory]
    [InlineData("clear")]
    [InlineData("fill")]
    [InlineData("copy")]
    public void Fresh_pages_that_are_filled_by_small_parts_take_one_fault_each(string how)
    {
        const int pages = 500;
        using var parent = AddressSpace.Create(4 * MiB);
        using var child = parent.Fork(MiB);
        byte* fresh = child.Base + (2 * MiB);
        var source = stackalloc byte[100];
        BulkMemory.Copy(fresh - 100, source, 100); // what is compiled or read at the first call
        BulkMemory.Clear(fresh - 100, 100);
        BulkMemory.Fill(fresh - 100, 1, 100);
        long before = HostResources.PageFaults();
        for (int i = 0; i < pages; i++)
        {
            byte* at = fresh + (i * 4096);
            switch (how)
            {
                case "clear": BulkMemory.Clear(at, 100); break;
                case "fill": BulkMemory.Fill(at, 1, 100); break;
                default: BulkMemory.Copy(at, source, 100); break;
            }
        }

        Assert.InRange(HostResources.PageFaults() - before, 0, pages * 3 / 2);
    }

    // Whether the host has one page of zeroes for all that is only read. Linux has, but for some that run as guests (pvm_no_zero_page): there a page that is read is a page taken.
    private static bool HasZeroPage(AddressSpace space)
    {
        const int untouched = 3 * MiB;
        Assert.Equal(0, space.Base[untouched]);
        bool has = !Written(space).Contains(untouched);
        space.Discard(untouched, 4096);
        return has;
    }

    private static List<long> Written(AddressSpace space)
    {
        var written = new List<long>();
        using var pageMap = new PageMap(PageMap.DefaultPath);
        Assert.True(pageMap.TryForEachPrivateRun(space.Base, space.Size, (at, length) =>
        {
            for (long page = at; page < at + length; page += 4096)
            {
                written.Add(page);
            }
        }));
        return written;
    }
}
