using System.CommandLine;
using Pocketgres.Cli.Programs;
using Pocketgres.Cli.Targets;

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
        string? format = words.Has("-F", "--format") || file is null ? null : FormatOf(file);
        using var output = file is null ? null : DumpOutput.Create(file, format == "directory" || IsDirectoryFormat(words.Rest));
        await using var target = await DatabaseTarget.OpenAsync(words.Request(mustExist: true), cancellationToken);
        string[] arguments =
        [
            .. words.Rest, .. format is null ? (string[])[] : ["--format", format], .. output is null ? (string[])[] : ["--file", output.Path], "--dbname", target.ConnectionInfo,
        ];
        int status;
        await using (output is null ? null : TransferActivity.Start(target, () => $"dumping, {TransferActivity.Size(output.Length)}"))
        {
            status = await ProgramRun.RunAsync("pg_dump", arguments, target.IsEmbedded ? target.Environment : null, cancellationToken);
        }

        if (status != 0)
        {
            return Program.Fail("not dumped: pg_dump says above why", ExitCode.Failed);
        }

        output?.Finish();
        return ExitCode.Success;
    }

    private static string? FormatOf(string file) =>
        file.EndsWith('/') || Directory.Exists(file) ? "directory"
        : Path.GetExtension(file) switch
        {
            ".dump" or ".pgdump" or ".backup" => "custom",
            ".tar" => "tar",
            _ => null,
        };

    private static bool IsDirectoryFormat(IReadOnlyList<string> words) => words.Where((w, i) =>
        w is "-Fd" or "-Fdirectory" or "--format=d" or "--format=directory" || (w is "d" or "directory" && i > 0 && words[i - 1] is "-F" or "--format")).Any();
}
