using System.CommandLine;
using System.Globalization;
using Pocketgres.Cli.Targets;
using Pocketgres.Transfer;

namespace Pocketgres.Cli.Transfer;

/// <summary><c>dump [URL] [-o FILE]</c>: PostgreSQL's pg_dump of a database of any rung.</summary>
internal sealed class DumpCommand : ISubcommand
{
    public const string Name = "dump";

    // The options are here for the help; the words are not parsed by it.
    public DumpCommand() => Command = new Command(Name,
        "Dump a database with PostgreSQL's own pg_dump, whose options are taken too: pocketgres dump [URL] [-o FILE] [options of pg_dump]\n" +
        "The URL is postgres://..., or file:DIR, served meanwhile; by default the variable DATABASE_URL, else file:, the user's data folder.\n" +
        "Exit codes: 0 dumped; 1 not dumped, and nothing of it is there; 2 to 5 as with serve; 130, 143 interrupted.")
    {
        new Option<string?>("--output", "-o", "-f") { HelpName = "FILE", Description = "Where to; it appears when it is whole (default: standard output). .dump and .tar choose the formats custom and tar, a slash at the end a directory; -F says otherwise." },
        new Option<string?>("--database") { HelpName = "NAME", Description = "The database (default postgres, or the one of the postgres:// URL)." },
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        var words = TransferWords.Read(tail!);
        if (words.Replace || words.KeepGoing)
        {
            throw new UsageException("--replace and --keep-going are options of restore: a dump replaces an older one when it is whole");
        }

        if (words.Rest is [var first, ..] && !first.StartsWith('-'))
        {
            throw new UsageException($"{first} is no URL: give file:DIR or postgres://..., and -o FILE for the dump");
        }

        return CommandFailure.Guard(cancellationToken => RunAsync(words, cancellationToken));
    }

    private static async Task<int> RunAsync(TransferWords words, CancellationToken cancellationToken)
    {
        string? file = words.Output is null or "-" ? null : words.Output;
        string? format = words.Has("-F", "--format") || file is null ? null : DatabaseDump.FormatOf(file);
        using var output = file is null ? null : DumpOutput.Create(file, format == "directory" || DatabaseDump.IsDirectoryFormat(words.Rest));
        await using var target = await DatabaseTarget.OpenAsync(words.Request(mustExist: true), cancellationToken);
        using var line = new ProgressLine();
        var progress = output is null || Console.IsErrorRedirected ? null : line.For<TransferProgress>(p => string.Create(CultureInfo.InvariantCulture, $"dumping, {p.Bytes / 1e6:0.0} MB {p.Activity}"));
        await DatabaseDump.RunAsync(target.ForPrograms, output, [.. words.Rest, .. format is null ? (string[])[] : ["--format", format]], new ProgramStep(null), progress, cancellationToken);
        return ExitCode.Success;
    }
}
