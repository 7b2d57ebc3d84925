using System.Diagnostics;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>Waits for conditions of other threads.</summary>
internal static class Eventually
{
    /// <summary>Returns when the condition holds; fails after <see cref="TestKernel.Patience"/>.</summary>
    public static void Holds(Func<bool> condition, string what = "the condition")
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TestKernel.Patience, $"{what} did not become true within {TestKernel.Patience}");
            Thread.Sleep(1);
        }
    }
}
