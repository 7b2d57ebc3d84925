using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Memory;

/// <summary>What processes of one kind write is learned from the first of them and given to later ones, and changes nothing but that.</summary>
public sealed unsafe class WorkingSetTests
{
    private const int Page = 4096;
    private const int MiB = 1 << 20;

    [Fact]
    public void Pages_that_most_write_are_known_after_four()
    {
        var set = new WorkingSet();
        set.Learn([]); // did nothing: says nothing
        set.Learn([.. Enumerable.Range(0, 5000).Select(i => (long)i * Page)]); // lived long
        set.Learn([0, 7 * Page]);
        set.Learn([0, Page, 2 * Page, 4 * Page]);
        set.Learn([0, Page, 2 * Page, 4 * Page, 9 * Page]);
        Assert.False(set.IsKnown);
        Assert.Empty(set.Ranges);
        set.Learn([100 * Page]);
        Assert.True(set.IsKnown);
        Assert.Equal([(0L, 3L * Page), (4L * Page, Page)], set.Ranges);
        set.Learn([100 * Page]);
        Assert.Equal(2, set.Ranges.Count);
    }

    [Fact]
    public void Children_get_the_pages_that_earlier_ones_wrote()
    {
        using var parent = AddressSpace.Create(4 * MiB);
        new Span<byte>(parent.Base, MiB).Fill(7);
        for (int i = 0; i < 4; i++)
        {
            using var child = parent.Fork(2 * MiB, "worker");
            Assert.DoesNotContain(30 * Page, Written(child));
            child.Base[30 * Page] = 1;
            child.Base[(3 * MiB) + 5] = 1; // beyond the parent's content
            child.LearnWorkingSet();
        }

        using var next = parent.Fork(2 * MiB, "worker");
        using var other = parent.Fork(2 * MiB, "other");
        Assert.Contains(30 * Page, Written(next));
        Assert.Contains(3 * MiB, Written(next));
        Assert.DoesNotContain(30 * Page, Written(other));
        Assert.Equal((7, 7, 0), (next.Base[30 * Page], next.Base[(31 * Page) - 1], next.Base[(3 * MiB) + 5])); // it is the content that is there anyway
        parent.Base[30 * Page] = 8;
        Assert.Equal(7, next.Base[30 * Page]);
        using var later = parent.Fork(2 * MiB, "worker");
        Assert.Equal(8, later.Base[30 * Page]); // what the parent wrote since goes on top
    }

    [Fact]
    public void A_process_teaches_at_its_end_and_its_siblings_have_the_parents_content()
    {
        using var kernel = new TestKernel();
        kernel.Run(parent =>
        {
            byte* at = parent.Memory + TestProgram.Scratch;
            for (int i = 0; i < 8; i++)
            {
                at[0] = (byte)i;
                int seen = -1;
                var child = parent.Fork("worker", parent.Tag, p =>
                {
                    byte* mine = p.Memory + TestProgram.Scratch;
                    seen = mine[0];
                    mine[0] = 99;
                });
                Assert.Equal(0, parent.RunBlocking(() => child.Exited.GetAwaiter().GetResult()));
                Assert.Equal(i, seen);
                Assert.Equal(i, at[0]);
            }

            Assert.NotEmpty(parent.AddressSpace.ChildSets.For("worker").Ranges);
        });
    }

    [Fact]
    public void The_scan_finds_the_pages_that_reading_the_map_finds()
    {
        using var parent = AddressSpace.Create(4 * MiB);
        new Span<byte>(parent.Base, MiB).Fill(7);
        using var child = parent.Fork(2 * MiB);
        int[] pages = [1, 2, 3, 4, .. Enumerable.Range(0, 300).Select(i => 101 + (3 * i))]; // more runs than fit into one answer
        foreach (int page in pages)
        {
            child.Base[page * Page] = 1;
        }

        var found = new List<int>();
        using var pageMap = new PageMap(PageMap.DefaultPath);
        Assert.True(pageMap.TryForEachPrivateRun(child.Base, child.Size, (at, length) => found.AddRange(Enumerable.Range((int)at / Page, (int)length / Page).Select(n => n * Page))));
        Assert.Equal(pages.Distinct().Order().Select(n => n * Page), found);
        Assert.Equal(Written(child), found);
        using var none = new PageMap("/nowhere");
        Assert.False(none.TryForEachPrivateRun(child.Base, child.Size, (_, _) => { }));
    }

    // Offsets, from byte 0 of linear memory, of the pages that are the space's own.
    private static List<int> Written(AddressSpace space)
    {
        using var pageMap = new PageMap(PageMap.DefaultPath);
        return [.. pageMap.PrivatePages(space.Base, space.Size).Select(p => (int)p)];
    }
}
