using Pocketgres.Build.Profiles;
using Pocketgres.Wasm;

namespace Pocketgres.Build.Tests;

public sealed class HotCallsTests
{
    private const int BlockCount = 0x41;
    private const int Small = HotCalls.MaximumILBytes;

    [Theory]
    [InlineData(1000, 0, Small, true)] // in the first block
    [InlineData(1000, 24, Small, true)] // in the second, which begins at 20
    [InlineData(1000, 20, Small, true)]
    [InlineData(1000, 44, Small, false)] // the third never ran
    [InlineData(1000, 24, Small + 1, false)]
    [InlineData(4 * HotCalls.MinimumCount, 24, Small, true)]
    [InlineData((4 * HotCalls.MinimumCount) - 1, 24, Small, false)]
    [InlineData((4 * 250) + 4, 24, Small, true)]
    public void Calls_that_were_made_often_of_small_functions(long runs, int offset, int size, bool chosen)
    {
        // In no order, as in the runtime's file.
        var profile = new MethodProfile("N.F0.caller", [new ProfileCounter(BlockCount, 40, 0, 0), new ProfileCounter(BlockCount, 0, 0, runs), new ProfileCounter(BlockCount, 20, 0, runs / 4)]);
        var site = new CallSite("N.F0.caller", offset, 7);
        var calls = HotCalls.Choose([new InlineCandidate(site, size)], new Dictionary<string, MethodProfile> { [profile.Name] = profile });
        Assert.Equal(chosen ? [site] : [], calls);
    }

    [Fact]
    public void Calls_that_are_rare_in_their_function_stay_calls()
    {
        var profile = new MethodProfile("N.F0.caller", [new ProfileCounter(BlockCount, 0, 0, 4001), new ProfileCounter(BlockCount, 20, 0, 1000)]);
        Assert.Empty(HotCalls.Choose([new InlineCandidate(new CallSite(profile.Name, 21, 7), 1)], new Dictionary<string, MethodProfile> { [profile.Name] = profile }));
    }

    [Fact]
    public void Functions_that_did_not_run_keep_their_calls() =>
        Assert.Empty(HotCalls.Choose([new InlineCandidate(new CallSite("N.F0.caller", 0, 7), 1)], new Dictionary<string, MethodProfile>()));
}
