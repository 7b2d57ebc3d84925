using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Pocketgres.Bench.InProcess;

/// <summary>What the harness is told of something that was done <paramref name="Count"/> times. Processor time is the whole program's, the server's included.</summary>
internal sealed record Measurement(int Count, TimeSpan Elapsed, TimeSpan Processor)
{
    public JsonObject ToJson() => new() { ["count"] = Count, ["elapsed"] = Elapsed.TotalMilliseconds, ["processor"] = Processor.TotalMilliseconds };

    /// <summary>Measures one call.</summary>
    public static Measurement Of(Action work) => Of(work, TimeSpan.Zero);

    /// <summary>Measures as many calls as are begun in some time, at least one.</summary>
    public static Measurement Of(Action work, TimeSpan time)
    {
        var processor = Environment.CpuUsage.TotalTime;
        long begin = Stopwatch.GetTimestamp();
        int count = 0;
        TimeSpan elapsed;
        do
        {
            work();
            count++;
            elapsed = Stopwatch.GetElapsedTime(begin);
        }
        while (elapsed < time);
        return new Measurement(count, elapsed, Environment.CpuUsage.TotalTime - processor);
    }
}
