using System.Diagnostics;
using System.Globalization;

namespace Pocketgres.Fuzz;

/// <summary>
/// A .NET process that serves one directory after the other, beside a cluster of its own in memory that must not notice: a directory costs no start of a process, and
/// what damage does to one cluster is told from what it does to the process and to the others in it.
/// </summary>
sealed class DirectoryServer : IDisposable
{
    /// <summary>The command of this program that <see cref="RunAsync"/> is behind.</summary>
    public const string Command = "serve-directories";

    const string Ready = "ready ", Refused = "refused ", Stopped = "stopped", Witness = "select count(*)::int from generate_series(1, 1000)";

    readonly Process _process;
    readonly Queue<string> _log = new();

    DirectoryServer(Process process) => _process = process;

    /// <summary>The last lines that the process wrote to its standard error stream.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return string.Join(" | ", _log);
            }
        }
    }

    /// <summary>The process.</summary>
    public int Pid => _process.Id;

    /// <summary>Starts the process.</summary>
    public static DirectoryServer Start()
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(DirectoryServer).Assembly.Location, Command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["POCKETGRES_ALLOW_ROOT"] = "1";
        var server = new DirectoryServer(Process.Start(start)!);
        server._process.ErrorDataReceived += (_, e) =>
        {
            lock (server._log)
            {
                if (e.Data is { } line)
                {
                    server._log.Enqueue(line);
                    if (server._log.Count > 4)
                    {
                        server._log.Dequeue();
                    }
                }
            }
        };
        server._process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Serves a directory.</summary>
    /// <returns>Its port, or why it is not served.</returns>
    /// <exception cref="IOException">The process has ended, or said something else.</exception>
    public async Task<(int? Port, string? Why)> ServeAsync(string directory, CancellationToken cancellation)
    {
        string answer = await AskAsync("file:" + directory, cancellation);
        return answer.StartsWith(Ready, StringComparison.Ordinal) ? (int.Parse(answer.AsSpan(Ready.Length), CultureInfo.InvariantCulture), null)
            : answer.StartsWith(Refused, StringComparison.Ordinal) ? (null, answer[Refused.Length..])
            : throw new IOException(answer);
    }

    /// <summary>Stops the server of the directory, and asks the other cluster.</summary>
    /// <exception cref="IOException">The process has ended, or one of the two did not do what it was told.</exception>
    public async Task StopAsync(CancellationToken cancellation)
    {
        if (await AskAsync("stop", cancellation) is var answer && answer != Stopped)
        {
            throw new IOException(answer);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    /// <summary>The process' side: reads where clusters are from the standard input stream, until it ends.</summary>
    public static async Task RunAsync(CancellationToken cancellation)
    {
        await using var witness = await PostgresInstance.StartAsync("memory:", cancellation);
        await using var connection = await witness.DataSource.OpenConnectionAsync(cancellation);
        while (await Console.In.ReadLineAsync(cancellation) is { } url)
        {
            try
            {
                await using var served = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = url, Port = 0, StopTimeout = TimeSpan.FromSeconds(20) }, cancellation);
                Console.WriteLine(Ready + served.Port!.Value.ToString(CultureInfo.InvariantCulture));
                await Console.In.ReadLineAsync(cancellation);
            }
            catch (PocketgresException e)
            {
                Console.WriteLine(Refused + e.Message.ReplaceLineEndings(" "));
                continue;
            }

            await using var command = new Npgsql.NpgsqlCommand(Witness, connection);
            Console.WriteLine(await command.ExecuteScalarAsync(cancellation) is 1000 ? Stopped : "the other cluster answers otherwise");
        }
    }

    async Task<string> AskAsync(string line, CancellationToken cancellation)
    {
        await _process.StandardInput.WriteLineAsync(line.AsMemory(), cancellation);
        await _process.StandardInput.FlushAsync(cancellation);
        return await _process.StandardOutput.ReadLineAsync(cancellation)
            ?? throw new IOException($"THE PROCESS HAS ENDED with {await ExitCodeAsync(cancellation)}");
    }

    async Task<int> ExitCodeAsync(CancellationToken cancellation)
    {
        await _process.WaitForExitAsync(cancellation);
        return _process.ExitCode;
    }
}
