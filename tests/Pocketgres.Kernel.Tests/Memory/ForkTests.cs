using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>
/// fork(2)'s memory contract: the child has what the parent had written before, and neither sees what the other writes afterwards.
/// Each test runs with the host's pagemap and with the fallback that compares pages.
/// </summary>
public sealed unsafe class ForkTests
{
    private const int Page = 4096;
    private const int MiB = 1 << 20;

    public static TheoryData<bool> WithAndWithoutPageMap => [true, false];

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void The_child_has_what_was_written_before_and_nothing_later(bool pageMap)
    {
        using var parent = Create(4 * MiB, pageMap);
        parent.Base[100] = 1;
        parent.Base[MiB] = 2;
        using var child = parent.Fork(2 * MiB);
        Assert.Equal(parent.Size, child.Size);
        Assert.Equal(1, child.Base[100]);
        Assert.Equal(2, child.Base[MiB]);

        parent.Base[100] = 11; // a page that had content
        parent.Base[(3 * Page) + 1] = 12; // one that was zero
        child.Base[MiB] = 21;
        child.Base[(5 * Page) + 1] = 22;
        Assert.Equal(1, child.Base[100]);
        Assert.Equal(0, child.Base[(3 * Page) + 1]);
        Assert.Equal(2, parent.Base[MiB]);
        Assert.Equal(0, parent.Base[(5 * Page) + 1]);

        using var second = parent.Fork(2 * MiB);
        Assert.Equal((11, 12, 2, 0), (second.Base[100], second.Base[(3 * Page) + 1], second.Base[MiB], second.Base[(5 * Page) + 1]));
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void Only_pages_written_since_the_template_was_made_are_copied(bool pageMap)
    {
        using var parent = Create(4 * MiB, pageMap);
        new Span<byte>(parent.Base, MiB).Fill(1);
        using var first = parent.Fork(2 * MiB);
        Assert.Equal((0, 1), parent.ForkStatistics);
        for (int i = 0; i < 10; i++)
        {
            parent.Base[i * 7 * Page] = 9;
        }

        for (int i = 0; i < MiB; i += Page)
        {
            Assert.Equal(i % (7 * Page) == 0 && i < 70 * Page ? 9 : 1, Volatile.Read(ref parent.Base[i])); // reading copies nothing
        }

        using var second = parent.Fork(2 * MiB);
        Assert.Equal((10, 1), parent.ForkStatistics);
        using var third = parent.Fork(2 * MiB); // they stay dirty against the template
        Assert.Equal((10, 1), parent.ForkStatistics);
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void Function_table_and_globals_are_inherited(bool pageMap)
    {
        using var parent = Create(MiB, pageMap);
        *(long*)(parent.Base + InstanceLayout.TableOffset + (8 * 3)) = 0x1234;
        *(int*)(parent.Base + InstanceLayout.StackPointer) = 0x8000;
        *(int*)(parent.Base + InstanceLayout.SideGlobalsHigh - 8) = 5;
        using var first = parent.Fork(MiB / 2);
        *(int*)(parent.Base + InstanceLayout.StackPointer) = 0x7000; // written since the template
        using var second = parent.Fork(MiB / 2);
        foreach (var (child, stack) in new[] { (first, 0x8000), (second, 0x7000) })
        {
            Assert.Equal(0x1234, *(long*)(child.Base + InstanceLayout.TableOffset + (8 * 3)));
            Assert.Equal(stack, *(int*)(child.Base + InstanceLayout.StackPointer));
            Assert.Equal(5, *(int*)(child.Base + InstanceLayout.SideGlobalsHigh - 8));
            Assert.Equal(MiB / InstanceLayout.PageSize, *(int*)(child.Base + InstanceLayout.MemoryPages));
        }
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void The_template_is_made_anew_when_the_heap_grew_or_much_was_written(bool pageMap)
    {
        using var parent = Create(8 * MiB, pageMap);
        parent.Base[0] = 1;
        parent.Fork(MiB).Dispose();
        Assert.Equal(1, parent.ForkStatistics.TemplateBuilds);

        parent.Base[MiB + 5] = 2; // the break moves over it
        using (var child = parent.Fork(MiB + Page))
        {
            Assert.Equal(2, parent.ForkStatistics.TemplateBuilds);
            Assert.Equal((1, 2), (child.Base[0], child.Base[MiB + 5]));
        }

        for (int i = 0; i < 250; i++)
        {
            parent.Base[i * Page] = (byte)(i + 3);
        }

        using var copied = parent.Fork(MiB + Page); // finds that much was written
        using var rebuilt = parent.Fork(MiB + Page); // and this one acts on it
        Assert.Equal((0, 3), parent.ForkStatistics);
        for (int i = 0; i < 250; i++)
        {
            Assert.Equal((byte)(i + 3), copied.Base[i * Page]);
            Assert.Equal((byte)(i + 3), rebuilt.Base[i * Page]);
        }

        Assert.True(parent.Grow(16 * MiB)); // memory without a higher break: the template stays
        using var bigger = parent.Fork(MiB + Page);
        Assert.Equal(3, parent.ForkStatistics.TemplateBuilds);

        // A child asks for what lies far above the break.
        Assert.Equal(9 * MiB, bigger.Size);
        Assert.Equal(9 * MiB / InstanceLayout.PageSize, *(int*)(bigger.Base + InstanceLayout.MemoryPages));
        Assert.True(bigger.Grow(16 * MiB));
        bigger.Base[(16 * MiB) - 1] = 1;
        Assert.Equal(16 * MiB / InstanceLayout.PageSize, *(int*)(bigger.Base + InstanceLayout.MemoryPages));
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void Shared_mappings_are_inherited_as_the_same_memory(bool pageMap)
    {
        using var parent = Create(4 * MiB, pageMap);
        parent.Fork(2 * MiB).Dispose(); // there is a template without it
        parent.MapShared(MiB, 4 * Page, SharedMemory.Create("ktest-inherited", 4 * Page));
        parent.Base[MiB + 1] = 1;
        parent.Base[MiB - 1] = 2;
        parent.Base[MiB + (4 * Page)] = 3;
        using var child = parent.Fork(2 * MiB);
        using var grandchild = child.Fork(2 * MiB);
        foreach (var space in new[] { child, grandchild })
        {
            Assert.Equal((1, 2, 3), (space.Base[MiB + 1], space.Base[MiB - 1], space.Base[MiB + (4 * Page)]));
        }

        grandchild.Base[MiB + 7] = 7;
        grandchild.Base[MiB - 1] = 8;
        grandchild.Base[MiB + (4 * Page)] = 9;
        Assert.Equal((7, 7), (parent.Base[MiB + 7], child.Base[MiB + 7]));
        Assert.Equal((2, 3), (parent.Base[MiB - 1], parent.Base[MiB + (4 * Page)]));

        child.UnmapShared(MiB);
        parent.Base[MiB + 7] = 10;
        Assert.Equal((0, 10), (child.Base[MiB + 7], grandchild.Base[MiB + 7]));
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void What_replaces_a_shared_mapping_is_inherited(bool pageMap)
    {
        using var parent = Create(4 * MiB, pageMap);
        parent.MapShared(MiB, 4 * Page, SharedMemory.Create("ktest-moved", 4 * Page));
        parent.Fork(2 * MiB).Dispose(); // a template that leaves [MiB, MiB + 4 pages) out
        parent.UnmapShared(MiB);
        parent.MapShared(MiB + (MiB / 2), 4 * Page, SharedMemory.Create("ktest-moved", 4 * Page)); // as many mappings as before
        parent.Base[MiB + 3] = 1;
        parent.Base[MiB + (MiB / 2) + 3] = 2;
        using var child = parent.Fork(2 * MiB);
        Assert.StartsWith("rw", HostResources.Rights(child.Base + MiB), StringComparison.Ordinal);
        Assert.Equal((1, 2), (child.Base[MiB + 3], child.Base[MiB + (MiB / 2) + 3]));
        parent.Base[MiB + 3] = 3;
        parent.Base[MiB + (MiB / 2) + 3] = 4;
        Assert.Equal((1, 4), (child.Base[MiB + 3], child.Base[MiB + (MiB / 2) + 3]));
    }

    [Theory]
    [MemberData(nameof(WithAndWithoutPageMap))]
    public void Random_writes_in_a_family_of_processes_match_a_model(bool pageMap)
    {
        const int size = MiB, writes = 60, steps = 120;
        var random = new Random(20_240_611);
        var family = new List<(AddressSpace Space, byte[] Model)> { (Create(size, pageMap), new byte[size]) };
        int forks = 0;
        try
        {
            for (int step = 0; step < steps; step++)
            {
                int k = random.Next(family.Count);
                var (space, model) = family[k];
                for (int i = random.Next(writes); i > 0; i--)
                {
                    int at = random.Next(size / 4) * 4, length = Math.Min(1 << random.Next(13), size - at);
                    byte value = (byte)random.Next(4); // zeros too: a page may become zero again
                    new Span<byte>(space.Base + at, length).Fill(value);
                    model.AsSpan(at, length).Fill(value);
                }

                switch (random.Next(4))
                {
                    case 0 or 1 when family.Count < 12:
                        family.Add((space.Fork(size), (byte[])model.Clone()));
                        forks++;
                        break;
                    case 2 when family.Count > 1:
                        space.Dispose();
                        family.RemoveAt(k);
                        break;
                }

                var (other, expected) = family[random.Next(family.Count)];
                Assert.True(new Span<byte>(other.Base, size).SequenceEqual(expected), $"step {step}");
            }

            foreach (var (space, model) in family)
            {
                Assert.True(new Span<byte>(space.Base, size).SequenceEqual(model));
            }

            Assert.True(forks > 30);
        }
        finally
        {
            family.ForEach(f => f.Space.Dispose());
        }
    }

    private static AddressSpace Create(long size, bool pageMap) =>
        AddressSpace.Create(size, pageMap ? PageMap.DefaultPath : "/nonexistent/pagemap");
}
