using System.CommandLine;
using System.Text;
using Pocketgres.Cli.Serve;
using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres.Cli.Config;

/// <summary><c>config</c>: what would each setting be, and who says so?</summary>
internal sealed class ConfigCommand
{
    public const string Name = "config";

    private readonly Argument<string?> _url = new("URL") { Arity = ArgumentArity.ZeroOrOne, Description = "What would be served: memory:, file:DIR, or file: (the default)." };

    private readonly Option<string?> _memory = new("--memory") { HelpName = "SIZE", Description = "Fit the settings to so much memory (512MB, 4GB).", Arity = ArgumentArity.ExactlyOne };

    private readonly Option<bool> _all = new("--all") { Description = "Also what is PostgreSQL's default." };

    private readonly Option<string[]> _settings = new("-c", "--set")
    {
        HelpName = "name=value",
        Description = "A setting of PostgreSQL; repeatable.",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    public ConfigCommand()
    {
        Command = new Command(Name,
            "Print each setting that a server would have, its value and its source: name, value and source separated by tabs. PostgreSQL itself is asked; a data\n" +
            "directory is not changed, and must not be served meanwhile (ask that server: SELECT * FROM pg_settings).")
        {
            _url, _settings, _memory, _all,
        };
    }

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>Prints the settings; returns the exit code.</summary>
    /// <exception cref="UsageException">The arguments make no sense.</exception>
    public int Run(ParseResult result)
    {
        var options = new ServeArguments
        {
            Url = result.GetValue(_url),
            Memory = result.GetValue(_memory),
            Settings = result.GetValue(_settings) ?? [],
        }.ToSettings().Server;
        try
        {
            var text = new StringBuilder();
            foreach (var setting in SettingsReport.ReadAsync(options).GetAwaiter().GetResult().Where(s => !s.IsDefault || result.GetValue(_all)))
            {
                text.Append(setting.Name).Append('\t').Append(Program.OneLine(setting.Value)).Append('\t').Append(setting.Source).Append('\n');
            }

            StandardStreams.WriteOutput(text.ToString());
            return ExitCode.Success;
        }
        catch (ClusterException e)
        {
            return Program.Fail(e.Message, e.Error is ClusterError.StartFailed ? ExitCode.ServerFailed
                : e.Error is ClusterError.WrongVersion ? ExitCode.WrongVersion : ExitCode.DirectoryUnusable);
        }
        catch (ServerException e)
        {
            return Program.Fail(e.Message, ExitCode.ServerFailed);
        }
    }
}
