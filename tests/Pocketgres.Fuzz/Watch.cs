using System.Globalization;

namespace Pocketgres.Fuzz;

/// <summary>Collects what a run finds, and looks at the server's process: that it lives, and what it holds.</summary>
sealed class Watch(Target target)
{
    readonly Lock _lock = new();
    readonly List<string> _findings = [];

    /// <summary>What was found, a line each.</summary>
    public IReadOnlyList<string> Findings
    {
        get
        {
            lock (_lock)
            {
                return [.. _findings];
            }
        }
    }

    /// <summary>Whether the server's process is there, if it is known.</summary>
    public bool IsAlive => target.Pid == 0 || (Directory.Exists($"/proc/{target.Pid}") && !File.ReadAllText($"/proc/{target.Pid}/stat").Contains(") Z ", StringComparison.Ordinal));

    public void Add(string finding)
    {
        lock (_lock)
        {
            if (!_findings.Contains(finding))
            {
                _findings.Add(finding);
                Console.WriteLine(finding);
            }
        }
    }

    /// <summary>Memory (MB, resident), descriptors and threads of the server's process; zeroes when it is not known.</summary>
    public (long Memory, int Descriptors, int Threads) Look()
    {
        if (target.Pid == 0 || !IsAlive)
        {
            return default;
        }

        string status = File.ReadAllText($"/proc/{target.Pid}/status");
        return (Field("VmRSS:") / 1024, Directory.GetFiles($"/proc/{target.Pid}/fd").Length, (int)Field("Threads:"));

        long Field(string name)
        {
            int at = status.IndexOf(name, StringComparison.Ordinal) + name.Length;
            return long.Parse(status.AsSpan(at, status.IndexOf('\n', at) - at).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
        }
    }
}
