using System.CommandLine;
using System.Globalization;
using Npgsql;
using Pocketgres.Cli.Targets;
using Pocketgres.Migrations;

namespace Pocketgres.Cli.Migrate;

/// <summary><c>migrate DIR [URL]</c>: applies an application's migrations.</summary>
internal sealed class MigrateCommand : ISubcommand
{
    private readonly Argument<string> _directory = new("DIR")
    {
        Description = "The folder of the migrations, or of the application: Prisma, Drizzle, Knex (raw SQL), Flyway, dbmate, golang-migrate, goose, Rails' structure.sql, or *.sql.",
    };

    private readonly TargetOptions _target = new();

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only say what would be applied; nothing is written." };

    private readonly Option<string[]> _placeholders = new("--set")
    {
        HelpName = "name=value",
        Description = "The value of Flyway's placeholder ${name}; repeatable.",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    public MigrateCommand()
    {
        Command = new Command("migrate",
            "Apply the migrations of a folder that the database does not have yet, in order, each in one transaction where PostgreSQL allows it.\n" +
            "What was applied is noted in the tool's own table, so that the tool itself can go on. Exit codes: 0 all are applied; 1 one cannot be, or has changed.")
        {
            _directory, _dryRun, _placeholders,
        };
        _target.AddTo(Command);
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        string directory = result.GetValue(_directory)!;
        var request = _target.Read(result);
        var options = new MigrateOptions
        {
            DryRun = result.GetValue(_dryRun),
            Placeholders = (result.GetValue(_placeholders) ?? []).Select(p => p.Split('=', 2)).ToDictionary(
                p => p[0], p => p.Length == 2 ? p[1] : throw new UsageException($"--set takes name=value, not \"{p[0]}\""), StringComparer.Ordinal),
        };
        return CommandFailure.Guard(cancellationToken => RunAsync(request, directory, options, cancellationToken));
    }

    private static async Task<int> RunAsync(TargetRequest request, string directory, MigrateOptions options, CancellationToken cancellationToken)
    {
        // Before a server is started for it.
        MigrationFolder.Open(directory, options);
        await using var target = await DatabaseTarget.OpenAsync(request, cancellationToken);
        await using var connection = new NpgsqlConnection(target.DedicatedConnectionString);
        await connection.OpenAsync(cancellationToken);
        using var progress = new ProgressLine();
        var report = await MigrationRunner.RunAsync(
            connection, directory, options, progress.For<MigrationProgress>(p => string.Create(CultureInfo.InvariantCulture, $"{p.Number}/{p.Count} {p.Migration}")), cancellationToken);
        progress.Clear();
        string verb = options.DryRun ? "would apply" : "applied";
        StandardStreams.WriteOutput(string.Concat(report.Applied.Select(name => $"{verb} {name}\n")));
        StandardStreams.WriteOutput(string.Concat(report.Missing.Select(name => $"the database has {name}, which is not in the folder\n")));
        StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture, $"{report.Tool}: {verb} {report.Applied.Count}, {report.AlreadyApplied} were there\n"));
        return ExitCode.Success;
    }
}
