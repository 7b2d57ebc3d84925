using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Pocketgres.Cli.Serve;
using Pocketgres.Pglite;

namespace Pocketgres.Cli;

/// <summary>The command <c>pocketgres</c>.</summary>
internal static class Program
{
    private const string Name = "pocketgres";

    internal static string Version { get; } = typeof(Program).Assembly.GetName().Version!.ToString(3);

    private static int Main(string[] args)
    {
        var serve = new ServeCommand();
        try
        {
            var result = Parse(args, serve);
            if (result.GetResult(serve.Command) is null || result.Action is HelpAction)
            {
                return RunRoot(result);
            }

            return ServeRunner.Run(serve.Read(result));
        }
        catch (UsageException e)
        {
            return Fail(e.Message, ExitCode.Usage);
        }
    }

    /// <summary>Parses a command line.</summary>
    /// <exception cref="UsageException">It does not make sense.</exception>
    internal static ParseResult Parse(IReadOnlyList<string> args, ServeCommand serve)
    {
        // The real name also when dotnet runs the assembly; what comes with a root command beyond --help is ours to say.
        var root = new RootCommand(
            $"Real PostgreSQL {PglitePackage.PostgresMajorVersion} in one process.\n\n" +
            "Exit codes: 0 stopped as asked; 1 the server failed; 2 bad option or URL; 3 port or address unavailable;\n" +
            "4 data directory unusable; 5 data directory of another version.");
        root.Directives.Clear();
        root.Options.Clear();
        var help = new HelpOption("--help", "-h") { Description = "Show this help.", Recursive = true };
        root.Options.Add(help);
        root.Options.Add(new Option<bool>(VersionName) { Description = "Show the versions of this program and of PostgreSQL." });
        root.Add(serve.Command);

        // No @file: an argument is what it says.
        var result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Action is not HelpAction && result.GetResult(root.Options[1]) is null && result.Errors is [var error, ..])
        {
            throw new UsageException(Describe(args, error));
        }

        return result;
    }

    private const string VersionName = "--version";

    private static string Describe(IReadOnlyList<string> args, ParseError error) => args.Count == 0
        ? $"no command given: run \"{Name} serve\", or see \"{Name} --help\""
        : $"{error.Message.TrimEnd('.')}: see \"{Name} {(args[0] == ServeCommand.Name ? ServeCommand.Name + " " : "")}--help\"";

    private static int RunRoot(ParseResult result)
    {
        if (result.Action is HelpAction)
        {
            return result.Invoke();
        }

        Console.Out.WriteLine($"{Name} {Version} (PostgreSQL {PglitePackage.PostgresVersion})");
        return ExitCode.Success;
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
