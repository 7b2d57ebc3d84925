using Pocketgres.Cli.Serve;

namespace Pocketgres.Cli.Tests;

public class SignalCounterTests
{
    [Fact]
    public void Signals_apart_are_wishes_of_their_own_and_a_repetition_is_none()
    {
        long now = 1_000;
        var counter = new SignalCounter(() => now);
        Assert.Equal(1, counter.Add());
        now += SignalCounter.SameWishMilliseconds - 1;
        Assert.Equal(0, counter.Add());

        // Counted from the wish, not from its repetition: somebody who keeps pressing is heard.
        now += 1;
        Assert.Equal(2, counter.Add());
        Assert.Equal(0, counter.Add());
        now += 60_000;
        Assert.Equal(3, counter.Add());
    }
}
