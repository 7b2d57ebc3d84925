using System.CommandLine;
using Pocketgres.Cli.Serve;
using Pocketgres.Cli.Targets;
using Pocketgres.Server.Watching;

namespace Pocketgres.Cli.Run;

/// <summary><c>run [URL] -- CMD...</c>: a server for the life of one command.</summary>
internal sealed class RunCommand : ISubcommand
{
    public const string Name = "run";

    private readonly Argument<string?> _url = new("URL")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "memory: (the default: gone with the command), file:DIR, or the postgres:// URL of a server that runs already.",
    };

    private readonly Option<string?> _database = Option("--database", "NAME", "The database, created if missing (default postgres, or the one of the postgres:// URL).");
    private readonly Option<string?> _port = Option("--port", "N", "TCP port on loopback (default 0: a free one).");
    private readonly Option<string?> _parentPid = Option("--parent-pid", "PID", "Stop, and the command too, when this process ends.");
    private readonly Option<string?> _logLevel = Option("--log-level", "LEVEL", "The server's log on stderr: quiet (default), error, warning, info, debug.");

    private readonly Option<string[]> _settings = new("-c", "--set")
    {
        HelpName = "name=value",
        Description = "A setting of PostgreSQL; repeatable.",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    public RunCommand() => Command = new Command(Name,
        "Start a server, run a command that finds it in DATABASE_URL and PGHOST, PGPORT, PGUSER, PGDATABASE, and stop it again:\n" +
        "pocketgres run [URL] [options] -- CMD [ARGS...]\n" +
        "Signals are handed to the command; the exit code is the command's (128 + N when signal N ended it, 126 it cannot be executed, 127 it is not found).")
    {
        _url, _database, _port, _settings, _parentPid, _logLevel,
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        if (tail is not { Count: > 0 })
        {
            throw new UsageException($"no command to run: write it behind --, as in \"{Program.Name} run memory: -- npm test\"");
        }

        var request = new TargetRequest
        {
            Url = result.GetValue(_url) ?? "memory:",
            Database = result.GetValue(_database),
            Port = result.GetValue(_port) ?? "0",
            Settings = result.GetValue(_settings) ?? [],
            LogLevel = result.GetValue(_logLevel) ?? "quiet",
        };
        int? parent = ServeArguments.ReadParentPid(result.GetValue(_parentPid));
        return CommandFailure.Guard(() => RunAsync(request, parent, tail));
    }

    private static async Task<int> RunAsync(TargetRequest request, int? parent, IReadOnlyList<string> words)
    {
        using var child = new ChildCommand(words);
        using var watch = parent is { } pid ? ProcessWatch.Start(pid) : null;
        _ = watch?.Ended.ContinueWith(_ => child.Terminate(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        DatabaseTarget target;
        try
        {
            target = await DatabaseTarget.OpenAsync(request, child.StopDuringStart);
        }
        catch (OperationCanceledException) when (child.StopDuringStart.IsCancellationRequested)
        {
            return ExitCode.SignalBase + child.FirstSignal;
        }

        await using (target)
        {
            var running = child.Run(target.Environment);
            if (await Task.WhenAny(running, target.Ended) == running)
            {
                return await running;
            }

            child.Terminate();
            await running;
            return Program.Fail("the server ended by itself, and the command was told to stop: see its log with --log-level info", ExitCode.ServerFailed);
        }
    }

    private static Option<string?> Option(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.ExactlyOne };
}
