using System.Globalization;
using Pocketgres.Server;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// With POCKETGRES_TEST_HOOKS=1 in the environment: commands on stdin, one a line, each answered by one line on stdout.
/// <c>crash PID</c> ends that server process as a segmentation fault would; <c>memory</c> reports this process's memory in bytes
/// (<c>managed</c>: what a full collection leaves of .NET's heap).
/// </summary>
internal static class TestHooks
{
    public const string Variable = "POCKETGRES_TEST_HOOKS";

    /// <summary>Names a step of opening, writing or closing a cluster in a bucket (BucketCluster.OpenAsync); with :N, its Nth time.</summary>
    public const string KillVariable = "POCKETGRES_TEST_KILL";

    /// <summary>Starts to read commands, if the environment asks for it; until stdin ends.</summary>
    public static void StartIfAsked(PostgresServer server)
    {
        if (Environment.GetEnvironmentVariable(Variable) == "1")
        {
            new Thread(() => Read(server)) { IsBackground = true, Name = "test hooks" }.Start();
        }
    }

    /// <summary>With <see cref="KillVariable"/>, ends this process as kill -9 does, before the step of that name; null otherwise.</summary>
    public static Action<string>? BucketStep()
    {
        if (Environment.GetEnvironmentVariable(Variable) != "1" || Environment.GetEnvironmentVariable(KillVariable) is not { Length: > 0 } wanted)
        {
            return null;
        }

        string[] words = wanted.Split(':');
        int left = words is [_, var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 1;
        return step =>
        {
            if (step == words[0] && Interlocked.Decrement(ref left) == 0)
            {
                System.Diagnostics.Process.GetCurrentProcess().Kill();
            }
        };
    }

    private static void Read(PostgresServer server)
    {
        using var input = new StreamReader(Console.OpenStandardInput());
        while (input.ReadLine() is { } line)
        {
            StandardStreams.WriteOutput(Answer(server, line.Split(' ', StringSplitOptions.RemoveEmptyEntries)) + "\n");
        }
    }

    private static string Answer(PostgresServer server, string[] words) => words switch
    {
        ["crash", var text] when int.TryParse(text, CultureInfo.InvariantCulture, out int pid) => server.CrashProcess(pid) ? "ok" : "no such process",
        ["memory"] => Memory(),
        _ => "unknown command",
    };

    // proc_pid_smaps(5): "Rss:   1234 kB".
    private static string Memory()
    {
        var fields = File.ReadLines("/proc/self/smaps_rollup")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words is [_, _, "kB"])
            .ToDictionary(words => words[0].TrimEnd(':'), words => long.Parse(words[1], CultureInfo.InvariantCulture) * 1024, StringComparer.Ordinal);
        return string.Create(CultureInfo.InvariantCulture, $"{{\"rss\": {fields["Rss"]}, \"pss\": {fields["Pss"]}, \"managed\": {GC.GetTotalMemory(forceFullCollection: true)}}}");
    }
}
