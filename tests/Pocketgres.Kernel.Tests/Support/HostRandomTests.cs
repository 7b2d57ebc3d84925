namespace Pocketgres.Kernel.Tests.Support;

/// <summary>Random bytes of the host.</summary>
public sealed class HostRandomTests
{
    [Fact]
    public void Every_byte_of_a_buffer_is_filled_and_no_two_buffers_are_equal()
    {
        byte[] one = new byte[100_000], other = new byte[100_000];
        HostRandom.Fill(one);
        HostRandom.Fill(other);
        Assert.NotEqual(one, other);
        Assert.InRange(one.Count(b => b == 0), 100, 800); // 390 expected; the last ones, past what one call gives, are filled too
        Assert.InRange(one[^256..].Distinct().Count(), 100, 256);
        Assert.NotEqual(HostRandom.Next(), HostRandom.Next());
        HostRandom.Fill([]);
    }
}
