using System.CommandLine;
using System.CommandLine.Parsing;
using Npgsql;
using Pocketgres.Cli.Targets;

namespace Pocketgres.Cli.Sql;

/// <summary><c>sql [URL] [-c SQL] [-f FILE]</c>: runs statements and prints what they return.</summary>
internal sealed class SqlCommand : ISubcommand
{
    private readonly TargetOptions _target = new();
    private readonly Option<string[]> _commands = Repeatable("-c", "SQL", "Statements to run; repeatable, in the order of -c and -f.", "--command");
    private readonly Option<string[]> _files = Repeatable("-f", "FILE", "A script to run; - is standard input, which is also the default.", "--file");
    private readonly Option<string[]> _variables = Repeatable("-v", "name=value", "A variable: :name is replaced by it, :'name' by it as a string, :\"name\" as an identifier.", "--set");
    private readonly Option<bool> _single = new("-1", "--single-transaction") { Description = "All in one transaction: the first error undoes everything." };
    private readonly Option<string> _format = new("--format") { HelpName = "table|csv|json", Description = "How rows are printed (default table).", DefaultValueFactory = _ => "table" };

    public SqlCommand()
    {
        Command = new Command("sql", "Run SQL and print what it returns. The first error ends it: exit code 1, and one line that says where.")
        {
            _commands, _files, _variables, _single, _format,
        };
        _target.AddTo(Command);
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in result.GetValue(_variables) ?? [])
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            variables[equals > 0 ? pair[..equals] : throw new UsageException($"-v takes name=value, not \"{pair}\"")] = pair[(equals + 1)..];
        }

        IRowWriter writer = result.GetValue(_format) switch
        {
            "table" => new TableWriter(),
            "csv" => new CsvWriter(),
            "json" => new JsonWriter(),
            var other => throw new UsageException($"--format takes table, csv or json, not \"{other}\""),
        };
        var scripts = Scripts(result);
        var request = _target.Read(result);
        bool isSingle = result.GetValue(_single);
        return CommandFailure.Guard(async cancellationToken =>
        {
            await using var target = await DatabaseTarget.OpenAsync(request, cancellationToken);
            await using var connection = new NpgsqlConnection(target.DedicatedConnectionString);
            await connection.OpenAsync(cancellationToken);
            return await new ScriptRunner(connection, writer, variables).RunAsync(scripts, isSingle, cancellationToken);
        });
    }

    // The parser keeps the values of each option apart; their order among each other is in the tokens.
    private List<Script> Scripts(ParseResult result)
    {
        var scripts = new List<Script>();
        bool isCommand = false, isFile = false;
        foreach (var token in result.Tokens)
        {
            if (token.Type == TokenType.Option)
            {
                isCommand = token.Value == _commands.Name || _commands.Aliases.Contains(token.Value);
                isFile = token.Value == _files.Name || _files.Aliases.Contains(token.Value);
            }
            else if (token.Type == TokenType.Argument && (isCommand || isFile))
            {
                scripts.Add(isCommand ? new Script("-c", token.Value, true) : Script.Read(token.Value));
                isCommand = isFile = false;
            }
        }

        return scripts.Count > 0 ? scripts : [Script.Read("-")];
    }

    private static Option<string[]> Repeatable(string name, string valueName, string description, string alias) => new(name, alias)
    {
        HelpName = valueName,
        Description = description,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };
}
