using System.CommandLine;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary><c>import-pgdata NATIVE_DIR DIR</c>: a copy of a native server's data directory.</summary>
internal sealed class ImportCommand : ISubcommand
{
    private readonly Argument<string> _from = new("NATIVE_DIR") { Description = "The data directory of a stopped PostgreSQL 18, or a backup of pg_basebackup: only read." };
    private readonly Argument<string> _to = new("DIR") { Description = "A new or empty directory." };
    private readonly Option<bool> _reindex = new("--reindex") { Description = "Build the indexes anew that are sorted by a locale of the C library, or by another version of ICU." };
    private readonly Option<string?> _configuration = new("--config") { HelpName = "DIR", Description = "Where postgresql.conf is, if not in the data directory (default: where Debian has it)." };
    private readonly Option<string?> _user = new("--user") { HelpName = "NAME", Description = "A superuser of the cluster (default postgres)." };

    public ImportCommand() => Command = new Command("import-pgdata",
        "Copy the data directory of a native PostgreSQL 18 so that it is served here. The copy is recovered, checked and put right, and appears when it is whole; the source is not changed.\n" +
        "What is otherwise in the copy is named, a line each. Exit codes: 0 copied; 1 not copied, and nothing is there; 2 bad option; 4, 5 a directory that cannot be used; 130, 143 interrupted.")
    {
        _from, _to, _reindex, _configuration, _user,
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        string from = result.GetValue(_from)!, to = DirectoryArgument.Read(result.GetValue(_to)!);
        var options = new MoveOptions
        {
            IsImport = true,
            Reindex = result.GetValue(_reindex),
            User = result.GetValue(_user) ?? MoveOptions.DefaultUser,
            Configuration = result.GetValue(_configuration),
        };
        return CommandFailure.Guard(cancellationToken =>
        {
            foreach (string note in DirectoryMove.Run(from, to, options, cancellationToken))
            {
                StandardStreams.WriteError($"pocketgres: {note}\n");
            }

            StandardStreams.WriteOutput($"copied {from} to {to}: pocketgres serve file:{to}\n");
            return Task.FromResult(ExitCode.Success);
        });
    }
}
