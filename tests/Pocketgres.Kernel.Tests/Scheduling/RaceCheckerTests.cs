using Pocketgres.Kernel.Races;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>What the checker of races takes for ordered, and what not.</summary>
public sealed class RaceCheckerTests
{
    private const int First = 1, Second = 2; // sites
    private const long Data = 64;
    private static readonly (ulong, long) s_flag = (0, 16), s_other = (0, 17), s_elsewhere = (1, 16);
    private readonly RaceChecker _checker = new(0, 1 << 16);
    private readonly RaceThread _a, _b;

    public RaceCheckerTests() => (_a, _b) = (_checker.Begin(null), _checker.Begin(null));

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    public void Accesses_that_nothing_orders_are_a_race_if_one_stores(bool first, bool second, bool isRace)
    {
        _checker.Access(_a, Data, 4, first, First);
        _checker.Access(_b, Data, 4, second, Second);
        Assert.Equal(isRace ? [((First, first), (Second, second))] : [], _checker.Races.Pairs);
    }

    [Fact]
    public void One_process_races_with_nobody()
    {
        _checker.Access(_a, Data, 8, true, First);
        _checker.Access(_a, Data, 8, false, First);
        Assert.Empty(_checker.Races.Pairs);
    }

    [Fact]
    public void Bytes_beside_each_other_are_apart()
    {
        _checker.Access(_a, Data, 2, true, First);
        _checker.Access(_b, Data + 2, 2, true, Second);
        Assert.Empty(_checker.Races.Pairs);
        _checker.Access(_b, Data + 1, 1, true, Second);
        Assert.Single(_checker.Races.Pairs);
    }

    [Fact]
    public void An_access_across_two_words_is_in_both()
    {
        _checker.Access(_a, Data + 6, 4, true, First);
        _checker.Access(_b, Data + 8, 1, false, Second);
        Assert.Single(_checker.Races.Pairs);
    }

    [Fact]
    public void A_release_and_an_acquire_of_one_place_order()
    {
        _checker.Access(_a, Data, 4, true, First);
        _checker.Release(_a, s_flag);
        _checker.Acquire(_b, s_flag);
        _checker.Access(_b, Data, 4, true, Second);
        Assert.Empty(_checker.Races.Pairs);
    }

    [Fact]
    public void What_comes_after_the_release_is_not_ordered()
    {
        _checker.Release(_a, s_flag);
        _checker.Access(_a, Data, 4, true, First);
        _checker.Acquire(_b, s_flag);
        _checker.Access(_b, Data, 4, false, Second);
        Assert.Single(_checker.Races.Pairs);
    }

    [Fact]
    public void A_release_elsewhere_or_an_acquire_before_it_orders_nothing()
    {
        _checker.Access(_a, Data, 4, true, First);
        _checker.Acquire(_b, s_flag);
        _checker.Release(_a, s_flag);
        _checker.Acquire(_b, s_other);
        _checker.Acquire(_b, s_elsewhere);
        _checker.Access(_b, Data, 4, false, Second);
        Assert.Single(_checker.Races.Pairs);
    }

    [Fact]
    public void Order_goes_on_through_a_third()
    {
        var c = _checker.Begin(null);
        _checker.Access(_a, Data, 4, true, First);
        _checker.Release(_a, s_flag);
        _checker.Acquire(_b, s_flag);
        _checker.Release(_b, s_other);
        _checker.Acquire(c, s_other);
        _checker.Access(c, Data, 4, true, Second);
        Assert.Empty(_checker.Races.Pairs);
    }

    [Fact]
    public void A_child_knows_what_its_parent_did_before_the_fork_and_not_what_it_does_after()
    {
        _checker.Access(_a, Data, 4, true, First);
        var child = _checker.Begin(_a);
        _checker.Access(child, Data, 4, true, Second);
        Assert.Empty(_checker.Races.Pairs);
        _checker.Access(_a, Data + 8, 4, true, First);
        _checker.Access(child, Data + 8, 4, true, Second);
        Assert.Single(_checker.Races.Pairs);
    }

    [Fact]
    public void Who_is_told_knows_when_it_looks()
    {
        _checker.Access(_a, Data, 4, true, First);
        _b.Tell(_a);
        _b.Learn();
        _checker.Access(_b, Data, 4, true, Second);
        Assert.Empty(_checker.Races.Pairs);
        _checker.Access(_a, Data + 8, 4, true, First);
        _b.Tell(_a);
        _checker.Access(_b, Data + 8, 4, true, Second);
        Assert.Single(_checker.Races.Pairs);
    }

    [Fact]
    public void Races_are_saved_a_line_each()
    {
        string path = Path.GetTempFileName();
        try
        {
            _checker.Access(_a, Data, 4, true, First);
            _checker.Access(_b, Data, 4, false, Second);
            _checker.Races.Save(path);
            Assert.Equal("1\t00000001\tstore\t00000002\tload\t40\t4\t", Assert.Single(File.ReadAllLines(path)));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
