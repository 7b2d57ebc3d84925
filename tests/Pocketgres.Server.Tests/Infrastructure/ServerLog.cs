using System.Globalization;
using System.Text.RegularExpressions;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>The server's log lines, for assertions, and in artifacts/test-logs for a person. Thread-safe.</summary>
sealed class ServerLog : IDisposable
{
    static int s_count;
    readonly Lock _lock = new();
    readonly List<string> _lines = [];
    readonly StreamWriter _file;

    public ServerLog()
    {
        string directory = Directory.CreateDirectory(Path.Combine(Workspace.Artifacts, "test-logs")).FullName;
        string name = string.Create(CultureInfo.InvariantCulture, $"server-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}.log");
        FilePath = Path.Combine(directory, name);
        _file = new StreamWriter(FilePath) { AutoFlush = true };
    }

    public string FilePath { get; }

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock)
            {
                return [.. _lines];
            }
        }
    }

    public string Tail => string.Join('\n', Lines.TakeLast(30));

    public void Add(string line)
    {
        lock (_lock)
        {
            _lines.Add(line);
            if (_file.BaseStream is { CanWrite: true })
            {
                _file.WriteLine(line);
            }
        }
    }

    public bool Contains(string text) => Lines.Any(line => line.Contains(text, StringComparison.Ordinal));

    public int Count(string text) => Lines.Count(line => line.Contains(text, StringComparison.Ordinal));

    public IReadOnlyList<string> Matching(Regex pattern) => [.. Lines.Where(line => pattern.IsMatch(line))];

    public void Dispose()
    {
        lock (_lock)
        {
            _file.Dispose();
        }
    }
}
