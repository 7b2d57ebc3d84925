using System.CommandLine;

namespace Pocketgres.Cli.Targets;

/// <summary>The argument and options with which a command is told its database.</summary>
/// <param name="createsDatabase">Whether another database than the URL's can be named, and is created.</param>
internal sealed class TargetOptions(bool createsDatabase = true)
{
    private const string Variable = "DATABASE_URL";

    private readonly Argument<string?> _url = new("URL")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = $"postgres://..., file:DIR (served meanwhile) or memory:; by default the variable {Variable}, else file:, the user's data folder.",
    };

    private readonly Option<string?> _database = new("--database")
    {
        HelpName = "NAME",
        Description = "The database, created if missing (default postgres, or the one of the postgres:// URL).",
        Arity = ArgumentArity.ExactlyOne,
    };

    /// <summary>Adds them, behind the command's own.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(_url);
        if (createsDatabase)
        {
            command.Options.Add(_database);
        }
    }

    /// <summary>Reads what was parsed.</summary>
    public TargetRequest Read(ParseResult result) => new()
    {
        Url = result.GetValue(_url) ?? (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } url ? url : "file:"),
        Database = createsDatabase ? result.GetValue(_database) : null,
    };
}
