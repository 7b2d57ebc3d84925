using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;

namespace Pocketgres.Fuzz;

/// <summary>`pocketgres serve` as a process of its own, so that its end is a finding and not the fuzzer's.</summary>
sealed class ServedProcess : IDisposable
{
    readonly Process _process;
    readonly ConcurrentQueue<string> _log = new();

    ServedProcess(Process process) => _process = process;

    /// <summary>Where it listens; null when it did not start.</summary>
    public Target? Target { get; private set; }

    /// <summary>What it has said.</summary>
    public IReadOnlyCollection<string> Log => _log;

    /// <summary>How often a backend crashed.</summary>
    public int Crashes => _log.Count(l => l.Contains(") crashed: ", StringComparison.Ordinal));

    /// <summary>Starts one and waits until it is ready, or has ended.</summary>
    /// <param name="cli">The built pocketgres.dll.</param>
    /// <param name="arguments">After "serve".</param>
    public static async Task<ServedProcess> StartAsync(string cli, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", cli, "serve", "--port", "0", "--parent-pid", $"{Environment.ProcessId}", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["POCKETGRES_ALLOW_ROOT"] = "1";
        var served = new ServedProcess(Process.Start(start)!);
        served._process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is { } line)
            {
                served._log.Enqueue(line);
            }
        };
        served._process.BeginErrorReadLine();
        if (await served._process.StandardOutput.ReadLineAsync(cancellation) is { } ready)
        {
            served.Target = new Target(JsonDocument.Parse(ready).RootElement.GetProperty("port").GetInt32(), served._process.Id);
        }

        return served;
    }

    /// <summary>Stops it, at once after a while; tells the exit code, null when only a kill helped.</summary>
    public async Task<int?> StopAsync(TimeSpan patience)
    {
        foreach (string signal in (string[])["TERM", "TERM", "KILL"])
        {
            if (!_process.HasExited)
            {
                Process.Start("kill", ["-" + signal, $"{_process.Id}"]).Dispose();
            }

            try
            {
                await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(patience);
                return signal == "KILL" ? null : _process.ExitCode;
            }
            catch (TimeoutException)
            {
                // A harder one.
            }
        }

        return null;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
