using System.CommandLine;
using Pocketgres.Cli.Run;

namespace Pocketgres.Cli.Extensions;

/// <summary><c>extension build DIR</c>: compiles an extension's C source for this engine, by the scripts of Pocketgres' repository, which fetch the compiler.</summary>
internal sealed class ExtensionCommand : ISubcommand
{
    /// <summary>The command's name.</summary>
    public const string Name = "extension";

    /// <summary>The environment variable that names a clone of Pocketgres' repository.</summary>
    public const string RepositoryVariable = "POCKETGRES_REPOSITORY";

    private const string Script = "eng/extension.sh";

    private readonly Command _build;
    private readonly Argument<string> _directory = new("DIR") { Description = "The extension's source, with a Makefile for PGXS, a CMakeLists.txt or a meson.build." };
    private readonly Option<string?> _output = new("--output")
    {
        HelpName = "DIR",
        Description = "Where the compiled files go (default: artifacts/extensions/NAME of the repository, by which its next build has the extension).",
    };

    public ExtensionCommand()
    {
        _build = new Command("build", "Compile an extension's C source and make it a part of the repository's builds. Words behind -- are for make, cmake or meson.") { _directory, _output };
        Command = new Command(Name, "Compile extensions: see extension build --help.") { _build };

        // Only so that the parser accepts it without a command of its own; Run refuses it.
        Command.SetAction(static _ => ExitCode.Usage);
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        if (result.CommandResult.Command != _build)
        {
            throw new UsageException($"{Name} has one command: \"{Program.Name} {Name} build DIR\"");
        }

        string directory = Path.GetFullPath(result.GetValue(_directory)!);
        if (!Directory.Exists(directory))
        {
            throw new UsageException($"{directory} is no directory: give the folder of the extension's source");
        }

        if (Repository() is not { } repository)
        {
            return Program.Fail(
                $"{Name} build needs Pocketgres' repository, whose scripts fetch the compiler: run \"./pocketgres {Name} build\" in a clone, or set {RepositoryVariable} to one", ExitCode.Failed);
        }

        string output = Path.GetFullPath(result.GetValue(_output) ?? Path.Combine(repository, "artifacts/extensions", Path.GetFileName(Path.TrimEndingDirectorySeparator(directory))));
        using var child = new ChildCommand([Path.Combine(repository, Script), directory, output, .. tail ?? []]);
        return child.Run(new Dictionary<string, string?>()).GetAwaiter().GetResult();
    }

    // The program of a clone lies in it; others are told where one is.
    private static string? Repository()
    {
        if (Environment.GetEnvironmentVariable(RepositoryVariable) is { Length: > 0 } named)
        {
            return File.Exists(Path.Combine(named, Script)) ? Path.GetFullPath(named) : throw new UsageException($"{RepositoryVariable} is {named}, which has no {Script}: name a clone of Pocketgres' repository");
        }

        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, Script)))
            {
                return directory.FullName;
            }
        }

        return null;
    }
}
