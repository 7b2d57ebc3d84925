using System.CommandLine;
using Pocketgres.Cli.Targets;
using Pocketgres.Transfer;

namespace Pocketgres.Cli.Transfer;

/// <summary><c>restore FILE [URL]</c>: a dump into an empty database, by PostgreSQL's pg_restore or psql.</summary>
internal sealed class RestoreCommand : ISubcommand
{
    public const string Name = "restore";

    // The options are here for the help; the words are not parsed by it.
    public RestoreCommand() => Command = new Command(Name,
        "Restore a dump into an empty database: archives with PostgreSQL's own pg_restore, scripts with its psql, whose options are taken too:\n" +
        "pocketgres restore FILE [URL] [options]\n" +
        "FILE is what pg_dump or pg_dumpall made; - is a script on standard input. The URL is postgres://..., file:DIR (made if missing, served meanwhile) or memory: (to try\n" +
        "whether it can be restored); by default the variable DATABASE_URL, else file:, the user's data folder. The first error ends it and leaves the database empty.\n" +
        "Exit codes: 0 restored; 1 not restored; 2 to 5 as with serve; 130, 143 interrupted and emptied.")
    {
        new Option<string?>("--database") { HelpName = "NAME", Description = "The database, created if missing (default postgres, or the one of the postgres:// URL)." },
        new Option<bool>("--replace") { Description = "Remove all that is in the database first." },
        new Option<bool>("--keep-going") { Description = "Pass over errors, as pg_restore and psql do, and keep what came." },
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        var words = TransferWords.Read(tail!);
        if (words.Rest is not [var path, ..] || (path.StartsWith('-') && path != "-"))
        {
            throw new UsageException($"write the dump first, then other options: \"{Program.Name} {Name} FILE [URL] [options]\"");
        }

        if (words.Output is not null)
        {
            throw new UsageException($"-f and -o are not taken: the dump is the first word; to make a script of an archive use {Program.Name} pg_restore");
        }

        string[] rest = [.. words.Rest.Skip(1)];
        if (rest.FirstOrDefault(w => w is "-C" or "--create") is { } create)
        {
            throw new UsageException($"{create} is not taken: --database NAME says which database, and creates it");
        }

        var dump = DumpFile.Inspect(path);
        if (dump.Kind == DumpKind.ClusterScript && (words.Replace || words.Database is not null))
        {
            throw new UsageException($"{path} is a dump of a whole cluster: it is restored into an empty one, without --replace and --database");
        }

        return CommandFailure.Guard(cancellationToken => RunAsync(dump, words with { Rest = rest }, cancellationToken));
    }

    private static async Task<int> RunAsync(DumpFile dump, TransferWords words, CancellationToken cancellationToken)
    {
        await using var target = await DatabaseTarget.OpenAsync(words.Request(mustExist: false), cancellationToken);
        using var line = new ProgressLine();
        var restore = new DatabaseRestore(dump, target.ForPrograms, new ProgramStep(null))
        {
            Replace = words.Replace,
            KeepGoing = words.KeepGoing,
            Arguments = words.Rest,
            Progress = Console.IsErrorRedirected ? null : line.For<TransferProgress>(p => "restoring " + p.Activity),
        };
        return await restore.RunAsync(cancellationToken) ? ExitCode.Success : ExitCode.Failed;
    }
}
