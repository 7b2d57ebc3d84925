using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>Address spaces by themselves: growth, data images, shared mappings.</summary>
public sealed unsafe class AddressSpaceTests
{
    private const int Page = 4096;
    private const int MiB = 1 << 20;

    [Fact]
    public void Memory_starts_zero_and_is_accessible_up_to_its_size()
    {
        using var space = AddressSpace.Create(2 * MiB);
        Assert.Equal(2 * MiB, space.Size);
        Assert.False(new Span<byte>(space.Base, 2 * MiB).ContainsAnyExcept((byte)0));
        Assert.StartsWith("rw", HostResources.Rights(space.Base + (2 * MiB) - 1), StringComparison.Ordinal);
        Assert.StartsWith("---", HostResources.Rights(space.Base + (2 * MiB)), StringComparison.Ordinal);
        Assert.StartsWith("rw", HostResources.Rights(space.Base - InstanceLayout.NegativeBytes), StringComparison.Ordinal);

        // Every address that translated code can form (4 GiB + 4 GiB of static offset + an access's width) is inside the reservation.
        Assert.StartsWith("---", HostResources.Rights(space.Base + (1L << 33) + 15), StringComparison.Ordinal);
    }

    [Fact]
    public void Growth_keeps_base_and_content_and_tells_the_program_the_page_count()
    {
        using var space = AddressSpace.Create(MiB);
        byte* before = space.Base;
        space.Base[MiB - 1] = 7;
        Assert.Equal(MiB / InstanceLayout.PageSize, *(int*)(space.Base + InstanceLayout.MemoryPages));
        Assert.True(space.Grow(5 * MiB));
        Assert.True(before == space.Base);
        Assert.Equal(7, space.Base[MiB - 1]);
        Assert.False(new Span<byte>(space.Base + MiB, 4 * MiB).ContainsAnyExcept((byte)0));
        space.Base[(5 * MiB) - 1] = 9;
        Assert.Equal(5 * MiB / InstanceLayout.PageSize, *(int*)(space.Base + InstanceLayout.MemoryPages));

        Assert.True(space.Grow(2 * MiB)); // never shrinks
        Assert.Equal(5 * MiB, space.Size);
        Assert.Equal(5 * MiB / InstanceLayout.PageSize, *(int*)(space.Base + InstanceLayout.MemoryPages));
    }

    [Fact]
    public void Growth_ends_at_2_GiB()
    {
        using var space = AddressSpace.Create(MiB);
        Assert.True(space.Grow(AddressSpace.MaximumSize));
        space.Base[AddressSpace.MaximumSize - 1] = 1;
        Assert.False(space.Grow(AddressSpace.MaximumSize + 1));
        Assert.Equal(AddressSpace.MaximumSize, space.Size);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(Page)]
    [InlineData((3 * Page) + 1)]
    [InlineData((4 * Page) - 1)]
    public void A_data_image_is_mapped_to_its_last_byte_and_never_written(int length)
    {
        string path = Path.GetTempFileName();
        try
        {
            byte[] content = new byte[length];
            new Random(length).NextBytes(content);
            File.WriteAllBytes(path, content);
            using var space = AddressSpace.Create(MiB);
            space.MapImage(path);
            Assert.True(new Span<byte>(space.Base, length).SequenceEqual(content));
            Assert.False(new Span<byte>(space.Base + length, (5 * Page) - length).ContainsAnyExcept((byte)0));
            new Span<byte>(space.Base, 5 * Page).Fill(0xAA);
            Assert.Equal(content, File.ReadAllBytes(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_data_image_may_begin_later_and_be_a_link()
    {
        string path = Path.GetTempFileName(), link = path + ".link";
        try
        {
            File.WriteAllBytes(path, [1, 2, 3]);
            File.CreateSymbolicLink(link, path);
            using var space = AddressSpace.Create(MiB);
            space.MapImage(link, 64 * 1024);
            Assert.Equal([0, 1, 2, 3, 0], new Span<byte>(space.Base + (64 * 1024) - 1, 5).ToArray());
        }
        finally
        {
            File.Delete(link);
            File.Delete(path);
        }
    }

    [Fact]
    public void A_missing_data_image_is_named()
    {
        using var space = AddressSpace.Create(MiB);
        var e = Assert.Throws<FileNotFoundException>(() => space.MapImage("/nonexistent/program.mem"));
        Assert.Contains("/nonexistent/program.mem", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shared_mapping_is_the_same_memory_in_both()
    {
        using var a = AddressSpace.Create(MiB);
        using var b = AddressSpace.Create(MiB);
        var memory = SharedMemory.Create("ktest-shared", 3 * Page);
        a.Base[Page] = 0xEE; // is replaced
        a.MapShared(Page, 3 * Page, memory);
        b.MapShared(8 * Page, 3 * Page, memory);
        Assert.Equal(0, a.Base[Page]);
        a.Base[Page + 5] = 1;
        b.Base[(11 * Page) - 1] = 2;
        Assert.Equal(1, b.Base[(8 * Page) + 5]);
        Assert.Equal(2, a.Base[(4 * Page) - 1]);
        a.Base[(4 * Page)] = 3; // the page behind is private
        Assert.Equal(0, b.Base[11 * Page]);

        Assert.True(a.UnmapShared(Page));
        Assert.Equal(0, a.Base[Page + 5]);
        a.Base[Page + 5] = 9;
        Assert.Equal(1, b.Base[(8 * Page) + 5]);
        Assert.False(a.UnmapShared(Page));
    }

    [Fact]
    public void Mapping_again_at_an_address_replaces_what_was_there()
    {
        using var space = AddressSpace.Create(MiB);
        space.MapShared(Page, Page, SharedMemory.Create("ktest-replaced", Page));
        space.Base[Page] = 1;
        space.MapShared(Page, Page, SharedMemory.Create("ktest-replacement", Page));
        Assert.Equal(0, space.Base[Page]);
        Assert.Single(space.SharedMappings);
        Assert.Equal(0, HostResources.MemoryFileMaps("ktest-replaced"));
        Assert.Equal(0, HostResources.Descriptors("memfd:ktest-replaced"));
        Assert.Equal(1, HostResources.Descriptors("memfd:ktest-replacement"));
    }

    [Fact]
    public void Private_ranges_leave_out_shared_mappings_even_where_these_overlap()
    {
        using var space = AddressSpace.Create(MiB);
        space.MapShared(20 * Page, 10 * Page, SharedMemory.Create("ktest-overlap", 10 * Page));
        space.MapShared(22 * Page, 2 * Page, SharedMemory.Create("ktest-overlap", 2 * Page));
        long n = InstanceLayout.NegativeBytes;
        Assert.Equal(
            [new MemoryRange(0L, n + (20 * Page)), new MemoryRange(n + (30 * Page), 10L * Page)],
            space.PrivateRanges(n + (40 * Page)));
        Assert.Equal([new MemoryRange(0L, n + (20 * Page))], space.PrivateRanges(n + (25 * Page)));
        Assert.Equal([new MemoryRange(0L, n + (5 * Page))], space.PrivateRanges(n + (5 * Page)));
    }
}
