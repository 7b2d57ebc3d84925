using System.CommandLine;
using System.CommandLine.Help;
using Pocketgres.Cli.Check;
using Pocketgres.Cli.Clusters;
using Pocketgres.Cli.Config;
using Pocketgres.Cli.Copy;
using Pocketgres.Cli.Doctor;
using Pocketgres.Cli.Extensions;
using Pocketgres.Cli.Migrate;
using Pocketgres.Cli.NativeDirectories;
using Pocketgres.Cli.ObjectStores;
using Pocketgres.Cli.Run;
using Pocketgres.Cli.Serve;
using Pocketgres.Cli.Sql;
using Pocketgres.Cli.Transfer;
using Pocketgres.Installation;

namespace Pocketgres.Cli;

/// <summary>The command line as a whole: the commands and what goes without one.</summary>
internal sealed class PocketgresCommand
{
    private readonly RootCommand _root;
    private readonly IReadOnlyList<ISubcommand> _subcommands =
    [
        new RunCommand(),
        new MigrateCommand(),
        new SqlCommand(),
        new DoctorCommand(),
        new S3Command(),
        new HostCommand(),
        new StatusCommand(),
        new SleepCommand(),
        new ProbeCommand(),
        new BranchCommand(),
        new PointsCommand(),
        new CollectCommand(),
        new CopyCommand(),
        new DumpCommand(),
        new RestoreCommand(),
        new ImportCommand(),
        new ExportCommand(),
        new ExtensionCommand(),
    ];

    public PocketgresCommand()
    {
        _root = new RootCommand(
            $"Real PostgreSQL {EngineArtifacts.PostgresMajorVersion} in one process.\n\n" +
            $"PostgreSQL's own programs run by their names, with arguments of their own: {Program.Name} psql, pg_dump, pg_restore, pg_basebackup, pgbench and others (docs/cli.md).\n\n" +
            "Exit codes of serve: 0 stopped as asked; 1 the server failed; 2 bad option or URL; 3 port or address unavailable;\n" +
            "4 data directory or bucket unusable or in use; 5 data of another version, or damaged in the bucket; 8 another process has taken the bucket over;\n" +
            "check adds 6 and 7, see check --help.");

        // Directives like [suggest] and the version option that come with a root command: the latter does not name PostgreSQL's version.
        _root.Directives.Clear();
        _root.Options.Clear();
        _root.Options.Add(new HelpOption("--help", "-h") { Description = "Show this help.", Recursive = true });
        _root.Options.Add(Version);
        _root.Subcommands.Add(Serve.Command);
        _root.Subcommands.Add(Check.Command);
        _root.Subcommands.Add(Config.Command);
        _root.Subcommands.Add(Extensions.Command);
        _root.Subcommands.Add(Scan.Command);
        foreach (var subcommand in _subcommands)
        {
            _root.Subcommands.Add(subcommand.Command);
        }
    }

    /// <summary><c>--version</c>.</summary>
    public Option<bool> Version { get; } = new("--version") { Description = "Show the versions of this program and of PostgreSQL." };

    /// <summary><c>serve</c>.</summary>
    public ServeCommand Serve { get; } = new();

    /// <summary><c>check</c>.</summary>
    public CheckCommand Check { get; } = new();

    /// <summary><c>config</c>.</summary>
    public ConfigCommand Config { get; } = new();

    /// <summary><c>extensions</c>.</summary>
    public ExtensionsCommand Extensions { get; } = new();

    /// <summary><c>scan</c>.</summary>
    public ScanCommand Scan { get; } = new();

    /// <summary>The words that <see cref="Parse"/> left alone, null when there was none: those behind <c>--</c> of <c>run</c> and <c>extension</c>, and all of a command that takes another program's options.</summary>
    public IReadOnlyList<string>? Tail { get; private set; }

    /// <summary>The command of the list that was asked for, itself or one of its own, or null.</summary>
    public ISubcommand? SubcommandOf(ParseResult result) => _subcommands.FirstOrDefault(s => s.Command == result.CommandResult.Command || result.CommandResult.Command.Parents.Contains(s.Command));

    /// <summary>Parses arguments; the result asks for help, for the version, or for one of the commands.</summary>
    /// <exception cref="UsageException">They do not make sense.</exception>
    public ParseResult Parse(IReadOnlyList<string> args)
    {
        if (args.Count == 0)
        {
            throw new UsageException($"no command given: run \"{Program.Name} serve\", or see \"{Program.Name} --help\"");
        }

        int dashes = args[0] is RunCommand.Name or ExtensionCommand.Name ? args.ToList().IndexOf("--") : -1;
        if (dashes >= 0)
        {
            Tail = [.. args.Skip(dashes + 1)];
            args = [.. args.Take(dashes)];
        }

        if (args[0] is DumpCommand.Name or RestoreCommand.Name && !args.Contains("--help"))
        {
            Tail = [.. args.Skip(1)];
            args = [args[0]];
        }

        // No @file: an argument is what it says.
        var result = _root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        bool needsNoCommand = result.Action is HelpAction || (result.CommandResult.Command == _root && result.GetResult(Version) is { Implicit: false });
        if (!needsNoCommand && result.Errors.Count > 0)
        {
            throw new UsageException(Describe(result));
        }

        return result;
    }

    private string Describe(ParseResult result)
    {
        bool isRoot = result.CommandResult.Command == _root;
        string problem = result.UnmatchedTokens is [var token, ..]
            ? $"unknown {(token.StartsWith('-') ? "option" : isRoot ? "command" : "argument")} {token}"
            : result.Errors[0].Message.TrimEnd('.');
        return $"{problem}: see \"{Program.Name} {(isRoot ? "" : result.CommandResult.Command.Name + " ")}--help\"";
    }
}
