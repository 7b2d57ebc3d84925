using System.CommandLine.Help;
using Pocketgres.Cli.Programs;
using Pocketgres.Cli.Serve;
using Pocketgres.Engine;
using Pocketgres.Transfer;

namespace Pocketgres.Cli;

/// <summary>The command <c>pocketgres</c>.</summary>
internal static class Program
{
    public const string Name = "pocketgres";

    private static int Main(string[] args)
    {
        try
        {
            return Run(args);
        }
        catch (Exception e) when (e is UsageException or DumpException)
        {
            return Fail(e.Message, ExitCode.Usage);
        }
    }

    private static int Run(string[] args)
    {
        if (ServeArguments.ReadPlain(args) is { } plain)
        {
            EngineFiles.Preload();
            return ServeRunner.Run(plain.ToSettings());
        }

        if (ProgramCommand.TryRun(args) is { } exitCode)
        {
            return exitCode;
        }

        var commandLine = new PocketgresCommand();
        var result = commandLine.Parse(args);
        if (result.Action is HelpAction)
        {
            return result.Invoke();
        }

        if (result.GetValue(commandLine.Version))
        {
            string version = typeof(Program).Assembly.GetName().Version!.ToString(3);
            StandardStreams.WriteOutput($"{Name} {version} (PostgreSQL {EngineFiles.Default.PostgresVersion})\n");
            return ExitCode.Success;
        }

        if (result.CommandResult.Command == commandLine.Check.Command)
        {
            return commandLine.Check.Run(result);
        }

        if (result.CommandResult.Command == commandLine.Config.Command)
        {
            return commandLine.Config.Run(result);
        }

        if (commandLine.Extensions.IsIn(result))
        {
            return commandLine.Extensions.Run(result);
        }

        if (commandLine.Scan.IsIn(result))
        {
            return commandLine.Scan.Run(result);
        }

        if (commandLine.SubcommandOf(result) is { } subcommand)
        {
            return subcommand.Run(result, commandLine.Tail);
        }

        return ServeRunner.Run(commandLine.Serve.Read(result));
    }

    /// <summary>Says in one line what is wrong.</summary>
    internal static int Fail(string message, int exitCode)
    {
        StandardStreams.WriteError($"{Name}: {OneLine(message)}\n");
        return exitCode;
    }

    /// <summary>A message of several lines as one.</summary>
    internal static string OneLine(string message) =>
        string.Join("; ", message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
}
