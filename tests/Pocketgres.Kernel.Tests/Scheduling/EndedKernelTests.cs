using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Scheduling;

/// <summary>What the host may still do with a kernel when it has ended, because it cannot know that yet.</summary>
public sealed class EndedKernelTests
{
    [Fact]
    public async Task A_kernel_that_has_ended_can_still_be_looked_at()
    {
        for (int i = 0; i < 100; i++)
        {
            var kernel = new TestKernel();
            kernel.Dispose();
            Assert.Equal(i, await Task.Run(() => kernel.Kernel.RunLocked(() => i)).WaitAsync(TestKernel.Patience));
        }
    }
}
