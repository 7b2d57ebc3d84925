using Pocketgres.Kernel.Scheduling;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>Which processes look for input where they would wait next.</summary>
public sealed class EmptyReadsTests
{
    private EmptyReads _reads;

    [Fact]
    public void A_wait_is_expected_after_some_that_followed_an_empty_read_each()
    {
        for (int i = 0; i < BusyWait.FirstTrial; i++)
        {
            Assert.False(_reads.WaitFollows);
            _reads.Read();
            _reads.Wait();
        }

        Assert.True(_reads.WaitFollows);
    }

    [Fact]
    public void Who_reads_again_without_having_waited_only_asks()
    {
        Follow();
        _reads.Read();
        Assert.True(_reads.WaitFollows);
        _reads.Read();
        Assert.False(_reads.WaitFollows);
    }

    [Fact]
    public void Input_that_the_look_found_leaves_it_expected()
    {
        Follow();
        for (int i = 0; i < 10; i++)
        {
            _reads.Read();
            _reads.Found();
        }

        Assert.True(_reads.WaitFollows);
    }

    [Fact]
    public void Waits_for_something_else_do_not_count()
    {
        for (int i = 0; i < 2 * BusyWait.FirstTrial; i++)
        {
            _reads.Wait();
        }

        Assert.False(_reads.WaitFollows);
    }

    private void Follow()
    {
        for (int i = 0; i < BusyWait.FirstTrial; i++)
        {
            _reads.Read();
            _reads.Wait();
        }

        Assert.True(_reads.WaitFollows);
    }
}
