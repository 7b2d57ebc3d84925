using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>Address spaces that a process's children leave to later ones: fork's contract holds in them. Those of clones: <see cref="Processes.SnapshotTests"/>.</summary>
public sealed unsafe class SpareSpaceTests
{
    private const int Page = 4096;
    private const int MiB = 1 << 20;
    private const int Break = 2 * MiB;
    private const int Shared = 3 * MiB / 2, SharedLength = MiB / 4; // below the break, as the server's is
    private const int Usual = 30 * Page, Rare = 40 * Page, Beyond = (3 * MiB) + 5; // what children write

    [Fact]
    public void A_child_in_a_space_used_again_has_what_the_parent_has()
    {
        using var parent = Parent();
        for (int i = 0; i < 20; i++)
        {
            parent.Base[50 * Page] = (byte)i; // written since the template was made
            var child = parent.Fork(Break, "worker");
            Assert.Equal((7, 7, 7, 0), (child.Base[Usual], child.Base[Rare], child.Base[60 * Page], child.Base[Beyond]));
            Assert.Equal(i, child.Base[50 * Page]);
            Assert.Equal(i, child.Base[Shared]);
            Assert.Equal(0x1234, *(long*)(child.Base + InstanceLayout.TableOffset + (8 * 3)));
            Assert.Equal((int)(child.Size / InstanceLayout.PageSize), *(int*)(child.Base + InstanceLayout.MemoryPages));
            Assert.Equal(0, parent.ChildSpares!.Count);
            Use(child);
            *(long*)(child.Base + InstanceLayout.TableOffset + (8 * 3)) = 1;
            if (i == 10)
            {
                new Span<byte>(child.Base + Rare, 8 * Page).Fill(99);
                child.Base[Beyond + (10 * Page)] = 99;
            }

            child.Base[Shared]++;
            child.LearnWorkingSet();
            child.Dispose();
            Assert.Equal(i < 4 ? 0 : 1, parent.ChildSpares.Count); // four teach
        }

        Assert.Equal(20, parent.Base[Shared]);
    }

    [Fact]
    public void What_one_child_wrote_beyond_the_others_is_given_back()
    {
        using var parent = Parent();
        Teach(parent);
        nint region;
        using (var child = parent.Fork(Break, "worker"))
        {
            region = (nint)child.Region;
            Use(child);
            new Span<byte>(child.Base + Rare, 8 * Page).Fill(99);
            child.Base[Beyond + (10 * Page)] = 99;
        }

        using var next = parent.Fork(Break, "worker");
        Assert.Equal(region, (nint)next.Region);
        using var pageMap = new PageMap(PageMap.DefaultPath);
        long[] own = pageMap.PrivatePages(next.Base, next.Size);
        Assert.Contains(Usual, own);
        Assert.DoesNotContain(Rare, own);
        Assert.DoesNotContain((Beyond & -Page) + (10 * Page), own);
        Assert.Equal((7, 7, 0), (next.Base[Rare], next.Base[Rare + (8 * Page) - 1], next.Base[Beyond + (10 * Page)]));
    }

    [Fact]
    public void Memory_that_a_child_shared_with_others_is_its_successors_own()
    {
        using var parent = Parent();
        Teach(parent);
        using (var child = parent.Fork(Break, "worker"))
        {
            child.MapShared((3 * MiB) + (64 * Page), 4 * Page, SharedMemory.Create("left", 4 * Page));
            child.MapShared((3 * MiB) + (80 * Page), 4 * Page, SharedMemory.Create("kept", 4 * Page));
            child.Base[(3 * MiB) + (64 * Page)] = child.Base[(3 * MiB) + (80 * Page)] = 99;
            child.UnmapShared((3 * MiB) + (64 * Page));
            child.Base[(3 * MiB) + (65 * Page)] = 99;
            Use(child);
        }

        Assert.Equal(1, parent.ChildSpares!.Count);
        using var next = parent.Fork(Break, "worker");
        Assert.Equal(0, parent.ChildSpares.Count);
        Assert.Equal(parent.SharedMappings, next.SharedMappings);
        Assert.False(new ReadOnlySpan<byte>(next.Base + (3 * MiB) + (64 * Page), 20 * Page).ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData("unmapped")]
    [InlineData("covered")]
    [InlineData("grown")]
    public void A_space_that_is_not_as_it_was_is_not_used_again(string what)
    {
        using var parent = Parent();
        Teach(parent);
        using (var child = parent.Fork(Break, "worker"))
        {
            _ = what switch
            {
                "unmapped" => child.UnmapShared(Shared),
                "covered" => Cover(child),
                _ => child.Grow(child.Size + InstanceLayout.PageSize),
            };
            Use(child);
        }

        Assert.Equal(0, parent.ChildSpares!.Count);
        using var next = parent.Fork(Break, "worker");
        Assert.Equal((7, 7, 0), (next.Base[Usual], next.Base[Rare], next.Base[Beyond]));
        Assert.Equal(parent.SharedMappings, next.SharedMappings);
        Assert.Equal(parent.Size, next.Size);
    }

    [Fact]
    public void Spaces_go_when_the_parents_shared_memory_changes()
    {
        using var parent = Parent();
        Teach(parent);
        parent.Fork(Break, "worker").Dispose();
        var spares = parent.ChildSpares!;
        Assert.Equal(1, spares.Count);
        var late = parent.Fork(Break, "worker");
        parent.Fork(Break, "worker").Dispose();
        Assert.Equal(1, spares.Count);
        parent.UnmapShared(Shared);
        Assert.Equal(0, spares.Count);
        late.Dispose(); // has the memory of before
        Assert.Equal(0, spares.Count);
        parent.Base[Shared] = 5;
        using var next = parent.Fork(Break, "worker");
        Assert.Equal(5, next.Base[Shared]);
        Assert.Empty(next.SharedMappings);
    }

    [Fact]
    public void Few_are_kept_of_a_kind_none_of_kinds_that_nobody_knows_and_all_for_two_seconds()
    {
        using var parent = Parent();
        Teach(parent);
        parent.Fork(Break, "other").Dispose();
        Assert.Equal(0, parent.ChildSpares!.Count);
        var children = Enumerable.Range(0, SpareSpaces.MaximumPerKind + 3).Select(_ => parent.Fork(Break, "worker")).ToList();
        children.ForEach(c => c.Dispose());
        Assert.Equal(SpareSpaces.MaximumPerKind, parent.ChildSpares.Count);
        Eventually.Holds(() => parent.ChildSpares.Count == 0);
        parent.Fork(Break, "worker").Dispose();
        Assert.Equal(1, parent.ChildSpares.Count);
        Eventually.Holds(() => parent.ChildSpares.Count == 0);
    }

    private static AddressSpace Parent()
    {
        var parent = AddressSpace.Create(4 * MiB);
        new Span<byte>(parent.Base, MiB).Fill(7);
        *(long*)(parent.Base + InstanceLayout.TableOffset + (8 * 3)) = 0x1234;
        parent.MapShared(Shared, SharedLength, SharedMemory.Create("shared", SharedLength));
        return parent;
    }

    private static void Teach(AddressSpace parent)
    {
        for (int i = 0; i < 4; i++)
        {
            using var child = parent.Fork(Break, "worker");
            Use(child);
            child.LearnWorkingSet();
        }

        Assert.True(parent.ChildSets.For("worker").IsKnown);
        Assert.Equal(0, parent.ChildSpares!.Count);
    }

    private static void Use(AddressSpace child) => child.Base[Usual] = child.Base[Beyond] = 99;

    private static bool Cover(AddressSpace child)
    {
        child.MapShared(Rare, Page, SharedMemory.Create("over", Page));
        child.Base[Rare] = 99;
        return true;
    }
}
